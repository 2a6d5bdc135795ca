"""HTTP/1.1 as bytes, read in one single way or refused (RFC 9110, RFC 9112); it opens no socket and knows no route.

A request is read in this order:

    lines.find_head_end         has the head ended? asked after each piece received
    lines.split_request_head    its first line, and its block of field lines
    request.parse_request_line  method, path, query
    request.parse_head          what the block comes to; recognise.RequestRecogniser does the same from memory
    request.reconcile           what needs both, and the host that is meant
    body.open_body              a reader that is fed what follows and says where the body ends

and an agency's answer: lines.find_head_end, lines.split_head, response.parse_status_line, response.parse_response_head
(or recognise.ResponseRecogniser), body.open_body.

What is refused raises `malformed.Malformed`; `refusals` is the whole list of reasons. Read `grammar` first.
"""
