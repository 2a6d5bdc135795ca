"""The answers' schemas and examples for the OpenAPI document; the requests' come from their models."""

from services.kit.openapi import Json, page_schema, ref

TEXT: Json = {"type": "string"}
INSTANT: Json = {"type": "string", "format": "date-time"}
ASSURANCE: Json = {"type": "string", "enum": ["1", "2", "3", "4"], "description": "See GET /tiers"}
PROOF: Json = {"type": ["string", "null"], "enum": ["code", "match", "in-person", None]}
KIND: Json = {"type": "string", "enum": ["nik", "email", "phone"]}
STATUS: Json = {"type": "string", "enum": ["AKTIF", "DIBLOKIR", "DITUTUP"]}
TOKENS_EXAMPLE: Json = {
    "access_token": "(JWT)",
    "refresh_token": "r1.6iWOBzilWKkPezTefHmc0A.1.(…)",
    "token_type": "Bearer",
    "expires_in": 900,
}
REGISTERED_EXAMPLE: Json = {
    "sub": "JH9cQmwqvjLq78yZdLlGNw",
    "name": "Budi Santoso",
    "assurance": "1",
    "identifiers": [{"kind": "nik", "shown": "3671••••••••0001"}],
}
ACCOUNT_EXAMPLE: Json = {
    "sub": "JH9cQmwqvjLq78yZdLlGNw",
    "name": "Budi Santoso",
    "status": "AKTIF",
    "assurance": "3",
    "identifiers": [
        {
            "id": "KVFR0wAHZk15kBVi",
            "kind": "nik",
            "shown": "3671••••••••0001",
            "proof": "match",
            "contested": False,
            "claimed_at": "2026-11-24T09:00:00+07:00",
        }
    ],
    "roles": [],
    "registered_at": "2026-11-24T09:00:00+07:00",
}
EXPORT_EXAMPLE: Json = {
    "account": {
        **ACCOUNT_EXAMPLE,
        "identifiers": [{**each, "value": "3671990101900001"} for each in ACCOUNT_EXAMPLE["identifiers"]],
    },
    "history": [{"kind": "registered", "at": "2026-11-24T09:00:00+07:00", "detail": {}}],
    "sessions": [],
    "notifications": [],
}
SESSION_EXAMPLE: Json = {
    "id": "6iWOBzilWKkPezTefHmc0A",
    "device": "Tangerang LIVE di Android",
    "opened_at": "2026-11-24T09:00:00+07:00",
    "last_used_at": "2026-11-24T09:15:00+07:00",
    "current": True,
}
NOTICE_EXAMPLE: Json = {
    "id": "4Z3MNueXyXebVF5l",
    "kind": "new-sign-in",
    "at": "2026-11-24T09:00:00+07:00",
    "text": "Akun Anda dibuka di perangkat: Tangerang LIVE di Android.",
}
OFFICE_ACCOUNT_EXAMPLE: Json = {
    "id": "JH9cQmwqvjLq78yZdLlGNw",
    "name": "B*** S******",
    "status": "AKTIF",
    "assurance": "3",
    "identifiers": [{"kind": "nik", "shown": "3671••••••••0001", "proof": "match"}],
    "roles": ["officer:DPMPTSP"],
    "registered_at": "2026-11-24T09:00:00+07:00",
}
TIERS_EXAMPLE: Json = {
    "items": [{"level": "1", "name": "Tamu", "needs": "Mendaftar", "opens": "Melihat layanan"}],
    "source": "…",
    "verified": False,
}
KEYS_EXAMPLE: Json = {
    "keys": [{"kty": "EC", "crv": "P-256", "x": "…", "y": "…", "kid": "…", "use": "sig", "alg": "ES256"}]
}
REVOCATIONS_EXAMPLE: Json = {"next": 7, "revocations": [{"sid": "6iWOBzilWKkPezTefHmc0A", "expires_at": 1795531528}]}
CODE_SENT_EXAMPLE: Json = {
    "code_id": "Zc3yqjZ0x3E1vZb8a1kH2w",
    "sent_to": "b•••@example.go.id",
    "expires_at": "2026-11-24T09:10:00+07:00",
}
RECOVERY_EXAMPLE: Json = {"recovery_id": "Zc3yqjZ0x3E1vZb8a1kH2w", "expires_at": "2026-11-24T09:10:00+07:00"}


def record(required: Json, optional: Json | None = None) -> Json:
    """Describe an object by its members."""
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def list_of(item: Json) -> Json:
    """Describe an array."""
    return {"type": "array", "items": item}


_IDENTIFIER_MEMBERS: Json = {
    "id": TEXT,
    "kind": KIND,
    "shown": {"type": "string", "description": "Masked"},
    "proof": PROOF,
    "contested": {"type": "boolean", "description": "Another account matched the same NIK first"},
    "claimed_at": INSTANT,
}
_ACCOUNT_MEMBERS: Json = {
    "sub": TEXT,
    "name": TEXT,
    "status": STATUS,
    "assurance": ASSURANCE,
    "identifiers": list_of(ref("Identifier")),
    "roles": list_of(TEXT),
    "registered_at": INSTANT,
}
_SESSION_MEMBERS: Json = {
    "id": TEXT,
    "device": TEXT,
    "opened_at": INSTANT,
    "last_used_at": INSTANT,
    "current": {"type": "boolean"},
}

ANSWERS: Json = {
    "Tokens": record(
        {
            "access_token": {"type": "string", "description": "JWT, ES256, for the gateway"},
            "refresh_token": {"type": "string", "description": "Works once; keep the newest"},
            "token_type": {"type": "string", "const": "Bearer"},
            "expires_in": {"type": "integer", "description": "Seconds"},
        }
    ),
    "Registered": record(
        {
            "sub": TEXT,
            "name": TEXT,
            "assurance": ASSURANCE,
            "identifiers": list_of(record({"kind": KIND, "shown": TEXT})),
        }
    ),
    "Identifier": record(_IDENTIFIER_MEMBERS),
    "Account": record(_ACCOUNT_MEMBERS),
    "DeviceSession": record(_SESSION_MEMBERS),
    "SessionPage": page_schema(ref("DeviceSession")),
    "Notice": record({"id": TEXT, "kind": TEXT, "at": INSTANT, "text": TEXT}),
    "NoticePage": page_schema(ref("Notice")),
    "CodeSent": record({"code_id": TEXT, "sent_to": TEXT, "expires_at": INSTANT}),
    "RecoveryBegun": record({"recovery_id": TEXT, "expires_at": INSTANT}, {"sent_to": TEXT}),
    "MatchResult": record(
        {"result": {"type": "string", "enum": ["SESUAI", "TIDAK SESUAI"]}, "contested": {"type": "boolean"}},
        {"assurance": ASSURANCE},
    ),
    "Export": record(
        {
            "account": record(
                {
                    **_ACCOUNT_MEMBERS,
                    "identifiers": list_of(record({**_IDENTIFIER_MEMBERS, "value": TEXT})),
                }
            ),
            "history": list_of(record({"kind": TEXT, "at": INSTANT, "detail": {"type": "object"}})),
            "sessions": list_of(
                record(
                    {
                        **_SESSION_MEMBERS,
                        "ended_at": {"type": ["string", "null"], "format": "date-time"},
                        "end_reason": {"type": ["string", "null"]},
                    }
                )
            ),
            "notifications": list_of(ref("Notice")),
        }
    ),
    "OfficeAccount": record(
        {
            "id": TEXT,
            "name": {"type": "string", "description": "Masked"},
            "status": STATUS,
            "assurance": ASSURANCE,
            "identifiers": list_of(record({"kind": KIND, "shown": TEXT, "proof": PROOF})),
            "roles": list_of(TEXT),
            "registered_at": INSTANT,
        }
    ),
    "OfficeAccountPage": page_schema(ref("OfficeAccount")),
    "Tiers": record(
        {
            "items": list_of(record({"level": ASSURANCE, "name": TEXT, "needs": TEXT, "opens": TEXT})),
            "source": TEXT,
            "verified": {"type": "boolean"},
        }
    ),
    "Keys": record({"keys": list_of({"type": "object"})}),
    "Revocations": record(
        {
            "next": {"type": "integer", "minimum": 0},
            "revocations": list_of(
                {
                    "oneOf": [
                        record({"sid": TEXT, "expires_at": {"type": "integer"}}),
                        record({"sub": TEXT, "not_before": {"type": "integer"}, "expires_at": {"type": "integer"}}),
                    ]
                }
            ),
        }
    ),
    "Health": record({"status": {"type": "string", "enum": ["ok", "fail"]}, "service": TEXT}),
}
