"""What becomes of a field by its name: nothing from outside may say who calls, from where, or through whom."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.field_kinds import FieldKind, answer_field_kind, is_end_to_end, request_field_kind

REQUEST_PASSES = """
    accept accept-charset accept-encoding accept-language cache-control content-type content-encoding content-language
    date dnt from idempotency-key if-match if-none-match if-modified-since if-unmodified-since if-range max-forwards
    origin prefer priority range referer save-data sec-fetch-site sec-websocket-key sec-websocket-version user-agent
    x-app-version x-client-version x-csrf-token x-device-id x-platform x-requested-with x-ticket-secret x-user-agent
    content-digest signature-input early-data x-unknown
"""

IDENTITY = """
    x-user x-user-id x-user-name x-user-email x-user-roles x-userid x-userinfo x-username x-citizen x-citizen-id
    x-citizen-nik x-nik nik x-subject x-sub x-role x-roles x-groups x-scope x-scopes x-permissions x-principal
    x-auth-user x-auth-request-user x-auth-request-email x-auth-token x-authenticated-user x-authenticated-userid
    x-authenticated-scope x-authenticated-groups x-authorization x-authentik-username x-remote-user remote-user
    remote-groups remote-email x-consumer-id x-consumer-username x-consumer-custom-id x-consumer-groups
    x-anonymous-consumer x-credential-identifier x-credential-username x-jwt-assertion x-jwt-claim-sub
    x-jwt-payload x-id-token x-access-token x-refresh-token x-assertion x-assurance x-acr x-admin x-is-admin
    x-tenant-id x-account-id x-identity x-claims x-claim-sub x-on-behalf-of x-sudo x-email x-phone x-uid x-token
    x-amzn-oidc-data x-amzn-oidc-identity x-amzn-oidc-accesstoken x-goog-iap-jwt-assertion
    x-goog-authenticated-user-email x-ms-client-principal x-ms-client-principal-id x-ms-client-principal-name
    x-ms-token-aad-id-token cf-access-jwt-assertion cf-access-authenticated-user-email x-endpoint-api-userinfo
    x-webauth-user sso-user oidc-claim-sub saml-nameid shib-session-id x-road-userid x-gateway-user x-tangerang-sub
    cookie cookie2 dpop user-id userid username auth-user
    client-cert client-cert-chain x-client-cert x-client-cert-chain x-client-certificate x-client-verify x-client-dn
    x-client-s-dn x-ssl-client-cert x-ssl-client-verify x-ssl-client-s-dn ssl-client-cert ssl-client-verify
    x-arr-clientcert x-arr-ssl x-tls-client-cert x-mtls-subject
"""

PROVENANCE = """
    forwarded forwarded-for forwarded-proto forwarded-host x-forwarded x-forwarded-for x-forwarded-proto
    x-forwarded-protocol x-forwarded-host x-forwarded-port x-forwarded-server x-forwarded-prefix x-forwarded-scheme
    x-forwarded-ssl x-forwarded-path x-forwarded-uri x-forwarded-method x-forwarded-user x-forwarded-email
    x-forwarded-groups x-forwarded-preferred-username x-forwarded-access-token x-forwarded-client-cert
    x-forwarded-by x-forward-for x-forwardedfor z-forwarded-for x-real-ip x-realip x-client-ip x-clientip client-ip
    http-client-ip true-client-ip x-true-client-ip cf-connecting-ip cf-connecting-ipv6 cf-pseudo-ipv4 cf-ipcountry
    cf-visitor x-cluster-client-ip fastly-client-ip fastly-client x-appengine-user-ip x-appengine-remote-addr
    x-appengine-country x-azure-clientip x-azure-socketip x-azure-fdid x-fd-healthprobe x-original-for
    x-original-forwarded-for x-original-host x-original-proto x-originating-ip x-remote-ip x-remote-addr
    x-remote-host remote-addr remote-ip source-ip x-source-ip x-peer-ip x-proxyuser-ip wl-proxy-client-ip
    proxy-client-ip x-bluecoat-via x-cdn-src-ip x-envoy-external-address x-envoy-internal
    x-envoy-original-path x-envoy-decorator-operation x-envoy-peer-metadata x-envoy-expected-rq-timeout-ms
    x-kong-proxied x-kong-upstream-latency x-akamai-edgescape akamai-origin-hop x-nf-client-connection-ip
    x-vercel-forwarded-for fly-client-ip x-client-host x-client-port via front-end-https x-scheme x-proto x-url-scheme
    x-trusted-proxy x-custom-ip-authorization x-from-ip cluster-client-ip x-real-hostname
"""

ASKED_OTHERWISE = """
    x-original-url x-original-uri x-original-method x-rewrite-url x-override-url x-http-method x-http-method-override
    x-http-methodoverride x-method-override x-method x-host x-host-override host-override x-accel-internal
    x-sendfile-type x-middleware-subrequest x-proxy-url disguised-host proxy x-prefix x-script-name x-http-host-override
    x-http-destinationurl x-backend-host base-url http-url request-uri
"""

TRACING = "b3 x-b3-traceid x-b3-sampled baggage uber-trace-id x-datadog-trace-id x-cloud-trace-context x-amzn-trace-id"

CONNECTION = """
    connection keep-alive proxy-connection te trailer upgrade proxy-authenticate proxy-authorization
    proxy-authentication-info http2-settings expect
"""

ANSWER_PASSES = """
    accept-ranges age allow cache-control content-disposition content-encoding content-language content-location
    content-range content-security-policy content-type date etag expires last-modified link location permissions-policy
    referrer-policy retry-after sec-websocket-accept set-cookie strict-transport-security vary www-authenticate
    x-content-type-options x-frame-options x-page-count deprecation sunset set-cookie2 public-key-pins
"""

ANSWER_DROPS = """
    server via x-powered-by x-aspnet-version x-aspnetmvc-version x-request-id x-runtime x-generator x-varnish x-cache
    alt-svc cache-status ratelimit ratelimit-policy ratelimit-limit ratelimit-remaining ratelimit-reset
    x-ratelimit-limit x-ratelimit-remaining x-rate-limit-limit access-control-allow-origin
    access-control-allow-credentials access-control-expose-headers authorization authentication-info traceparent
    tracestate server-timing proxy-status x-accel-redirect x-accel-buffering x-sendfile x-forwarded-for
    x-envoy-upstream-service-time x-kong-response-latency x-amz-request-id cookie forwarded host surrogate-key
    x-debug-token public-key-pins-report-only
"""


def _names(text: str) -> list[bytes]:
    return text.encode().split()


@pytest.mark.parametrize("name", _names(REQUEST_PASSES))
def test_what_a_client_says_of_its_request_passes(name: bytes) -> None:
    assert request_field_kind(name) is FieldKind.PASS


@pytest.mark.parametrize("name", _names(IDENTITY + PROVENANCE + ASKED_OTHERWISE + TRACING))
def test_what_only_the_gateway_may_say_is_dropped(name: bytes) -> None:
    assert request_field_kind(name) is FieldKind.DROP


@pytest.mark.parametrize("name", _names(CONNECTION))
def test_what_concerns_one_connection_goes_no_further(name: bytes) -> None:
    assert request_field_kind(name) is FieldKind.CONNECTION
    assert answer_field_kind(name) is FieldKind.CONNECTION


@pytest.mark.parametrize("name", [b"content-length", b"transfer-encoding"])
def test_framing_is_known_as_framing(name: bytes) -> None:
    assert request_field_kind(name) is FieldKind.FRAMING
    assert answer_field_kind(name) is FieldKind.FRAMING


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"authorization", FieldKind.CREDENTIAL),
        (b"host", FieldKind.HOST),
        (b"traceparent", FieldKind.VOLATILE),
        (b"tracestate", FieldKind.VOLATILE),
        (b"x-request-id", FieldKind.VOLATILE),
    ],
)
def test_what_the_gateway_reads_itself_has_a_kind_of_its_own(name: bytes, kind: FieldKind) -> None:
    assert request_field_kind(name) is kind


@pytest.mark.parametrize("name", _names(ANSWER_PASSES))
def test_what_an_agency_says_of_its_answer_passes(name: bytes) -> None:
    assert answer_field_kind(name) is FieldKind.PASS


@pytest.mark.parametrize("name", _names(ANSWER_DROPS))
def test_what_an_agency_may_not_tell_clients_is_dropped(name: bytes) -> None:
    assert answer_field_kind(name) is FieldKind.DROP


@settings(deadline=None)
@given(
    st.sampled_from(
        _names(IDENTITY + PROVENANCE + REQUEST_PASSES + ANSWER_PASSES + "authorization host content-length")
    ),
    st.sampled_from(b"_.!#$%&'*+^`|~ :\x00\xe9"),
)
def test_names_that_servers_fold_into_others_never_pass(name: bytes, sign: int) -> None:
    place = name.find(b"-") if b"-" in name else len(name)
    disguised = name[:place] + bytes((sign,)) + name[place + 1 :]
    assert request_field_kind(disguised) is FieldKind.DROP
    assert answer_field_kind(disguised) is FieldKind.DROP


@settings(deadline=None)
@given(st.text(max_size=30).map(lambda text: text.encode().lower()))
def test_every_name_has_a_kind_and_odd_ones_do_not_pass(name: bytes) -> None:
    plain = bool(name) and all(octet in b"abcdefghijklmnopqrstuvwxyz0123456789-" for octet in name)
    for kind in (request_field_kind(name), answer_field_kind(name)):
        assert isinstance(kind, FieldKind)
        assert plain or kind is FieldKind.DROP


@pytest.mark.parametrize(
    ("name", "firm"),
    [(b"cache-control", True), (b"set-cookie", True), (b"x-page-count", False), (b"server", False), (b"te", False)],
)
def test_only_known_fields_withstand_an_agencys_nomination(name: bytes, firm: bool) -> None:
    assert is_end_to_end(name) is firm
