"""Providers and resources: credentials, API errors, retries, fallbacks, opens, cache."""

from support.promtool import Case

AUTH, API, RETRY, FALLBACK = (
    "CRMAuthenticationFailure",
    "CRMAPIErrorRateHigh",
    "CRMRetryRateHigh",
    "CRMFallbackUsageHigh",
)
OPEN, CACHE = "CRMEmailOpenRateLow", "CRMCacheMissRateHigh"
TWILIO = f"{AUTH} api=twilio"

REQUESTS = 'crm_api_requests_total{api="twilio"}'
RETRIES = 'crm_retry_attempts_total{channel="email",attempt_number="1"}'
SECOND_RETRIES = 'crm_retry_attempts_total{channel="email",attempt_number="2"}'
FALLBACKS = 'crm_fallback_used_total{primary_channel="sms",fallback_channel="email"}'
DELIVERED = 'crm_communications_total{message_type="welcome",channel="email",status="delivered"}'
BY_SMS = 'crm_communications_total{message_type="welcome",channel="sms",status="delivered"}'
FAILED = 'crm_communications_total{message_type="welcome",channel="email",status="failed"}'
HITS, MISSES = "crm_cache_hits_total", "crm_cache_misses_total"
OPEN_RATE = 'crm_open_rate{message_type="welcome"}'


def errors(kind: str, more: str = "", api: str = "twilio") -> str:
    """Return the errors of a provider."""
    return f'crm_api_errors_total{{api="{api}",error_type="{kind}"{more}}}'


CASES = {
    "a provider refuses the credentials once": Case(
        AUTH, {errors("auth"): "0x10 1x60"}, {"10m": (), "11m": (TWILIO,), "28m": (TWILIO,), "45m": ()}
    ),
    "the first refusal is a counter born at 1": Case(AUTH, {errors("unauthorized"): "_x12 1x60"}, {"13m": (TWILIO,)}),
    "a new replica is refused at once": Case(
        AUTH,
        {errors("auth"): "0x60", errors("auth", ',instance="b"'): "_x20 2x40"},
        {"21m": (TWILIO,)},
    ),
    "refusals of two providers are told apart": Case(
        AUTH,
        {errors("forbidden"): "0x10 1x60", errors("authentication", api="smtp"): "0x10 1x60"},
        {"12m": (TWILIO, f"{AUTH} api=smtp")},
    ),
    "Prometheus is new and the counter is old": Case(AUTH, {errors("auth"): "7x60"}, {"1m": (), "5m": (), "15m": ()}),
    "a target that was away comes back with an old counter": Case(
        AUTH,
        {
            errors("auth"): "7x10 stale _x9 7x60",
            'up{instance="a"}': "1x10 0x9 1x60",
            errors("auth", ',instance="b"'): "0x60",
        },
        {"21m": (), "25m": (), "35m": ()},
    ),
    "a restart resets the counter": Case(AUTH, {errors("auth"): "7x10 0x60"}, {"12m": (), "20m": ()}),
    "a provider limits the rate": Case(AUTH, {errors("rate_limit"): "0x10 1+1x60"}, {"15m": (), "30m": ()}),
    "8 in 100 requests fail": Case(
        API,
        {REQUESTS: "0+100x60", errors("timeout"): "0+5x60", errors("server_error"): "0+3x60"},
        {"4m": (), "25m": (f"{API} api=twilio",)},
    ),
    "4 in 100 requests fail": Case(API, {REQUESTS: "0+100x60", errors("timeout"): "0+4x60"}, {"25m": ()}),
    "requests never failed": Case(
        API,
        {REQUESTS: "0+100x60"},
        {"25m": ()},
        values={
            ("25m", "crm_api:errors:ratio_rate15m"): {
                'crm_api:errors:ratio_rate15m{namespace="crm",crm_monitoring="crm",api="twilio"}': 0
            }
        },
    ),
    "30 requests are too few": Case(API, {REQUESTS: "0+2x60", errors("timeout"): "0+2x60"}, {"25m": ()}),
    "one of two providers fails": Case(
        API,
        {
            REQUESTS: "0+100x60",
            errors("timeout"): "0+1x60",
            'crm_api_requests_total{api="smtp"}': "0+10x60",
            errors("timeout", api="smtp"): "0+5x60",
        },
        {"25m": (f"{API} api=smtp",)},
    ),
    "requests are not exported, communications and retries stand in": Case(
        API,
        {errors("timeout"): "0+16x60", DELIVERED: "0+95x60", FAILED: "0+5x60", RETRIES: "0+10x60"},
        {"25m": (f"{API} api=twilio",)},
        values={
            ("25m", "crm_api:requests:increase15m"): {
                'crm_api:requests:increase15m{namespace="crm",crm_monitoring="crm",api="twilio"}': 1650
            }
        },
    ),
    "requests are not exported and few communications fail": Case(
        API, {errors("timeout"): "0+4x60", DELIVERED: "0+95x60", FAILED: "0+5x60"}, {"25m": ()}
    ),
    "an existing job: a new counter of refusals, and estimated requests": Case(
        AUTH,
        {
            errors("auth"): "_x12 1x60",
            errors("timeout"): "0+8x60",
            'crm_api_errors_total{api="twilio",error_type="auth",job="other"}': "_x12 1x60",
            DELIVERED: "0+95x60",
            FAILED: "0+5x60",
        },
        {"13m": (TWILIO, f"{API} api=twilio")},
        {"metrics": {"monitor": "None", "existingJob": "legacy"}},
        scraped={"namespace": "crm", "job": "legacy", "instance": "a"},
    ),
    "30 retries for 100 communications": Case(
        RETRY, {DELIVERED: "0+100x60", RETRIES: "0+20x60", SECOND_RETRIES: "0+10x60"}, {"9m": (), "45m": (RETRY,)}
    ),
    "15 retries for 100 communications": Case(RETRY, {DELIVERED: "0+100x60", RETRIES: "0+15x60"}, {"45m": ()}),
    "everything is retried and nothing finishes": Case(RETRY, {RETRIES: "0+2x60"}, {"45m": (RETRY,)}),
    "nine retries are too few": Case(RETRY, {RETRIES: "0 1 2 3 4 5 6 7 8 9 9x60"}, {"25m": ()}),
    "20 in 100 communications need another channel": Case(
        FALLBACK, {DELIVERED: "0+100x60", FALLBACKS: "0+20x60"}, {"9m": (), "45m": (FALLBACK,)}
    ),
    "5 in 100 communications need another channel": Case(
        FALLBACK, {DELIVERED: "0+100x60", FALLBACKS: "0+5x60"}, {"45m": ()}
    ),
    "ten communications are too few to judge fallbacks": Case(
        FALLBACK, {DELIVERED: "0 1 2 3 4 5 6 7 8 9 10 10x60", FALLBACKS: "0 1 2 3 4 5 6 7 8 9 10 10x60"}, {"25m": ()}
    ),
    "three in ten e-mails are opened": Case(
        OPEN,
        {OPEN_RATE: "0.3x300", DELIVERED: "0+1x300"},
        {"80m": (), "150m": (f"{OPEN} message_type=welcome",)},
    ),
    "half of the e-mails are opened": Case(OPEN, {OPEN_RATE: "0.5x300", DELIVERED: "0+1x300"}, {"150m": ()}),
    "nobody sent e-mails of this type": Case(
        OPEN,
        {OPEN_RATE: "0.3x300", 'crm_open_rate{message_type="promotion"}': "0x300", BY_SMS: "0+1x300"},
        {"150m": ()},
    ),
    "60 in 100 look-ups miss": Case(CACHE, {HITS: "0+40x90", MISSES: "0+60x90"}, {"28m": (), "75m": (CACHE,)}),
    "the cache never had a hit": Case(CACHE, {MISSES: "0+60x90"}, {"75m": (CACHE,)}),
    "the cache never missed": Case(
        CACHE,
        {HITS: "0+60x90"},
        {"75m": ()},
        values={
            ("75m", "crm:cache_misses:ratio_rate30m"): {
                'crm:cache_misses:ratio_rate30m{namespace="crm",crm_monitoring="crm"}': 0
            }
        },
    ),
    "40 in 100 look-ups miss": Case(CACHE, {HITS: "0+60x90", MISSES: "0+40x90"}, {"75m": ()}),
    "60 look-ups are too few": Case(CACHE, {MISSES: "0+2x90"}, {"75m": ()}),
}
