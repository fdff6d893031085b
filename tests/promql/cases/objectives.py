"""Objectives: fast and slow burns, exhausted budgets, warm-up, low traffic, low objectives."""

from promql.cases.delivery import COUNT, EMAIL, OVERALL, bucket, sent
from support.promtool import Case

FAST, SLOW, SPENT = "CRMErrorBudgetBurnFast", "CRMErrorBudgetBurnSlow", "CRMErrorBudgetExhausted"
DELIVERED, FAILED = sent("email", "delivered"), sent("email", "failed")
LOW = (OVERALL, EMAIL)

NINETY_FIVE = {"slos": [{"name": "delivery", "sli": "Delivery", "objective": "95%", "window": "30d"}]}
NINETY = {"slos": [{"name": "delivery", "sli": "Delivery", "objective": "90%", "window": "30d"}]}
HALF = {"slos": [{"name": "delivery", "sli": "Delivery", "objective": "50%", "window": "30d"}]}
WEEK = {"slos": [{"name": "delivery", "sli": "Delivery", "objective": "95%", "window": "7d"}]}
OTHERS = {
    "slos": [
        {"name": "latency", "sli": "DeliveryTime", "threshold": "300s", "objective": "95%"},
        {"name": "api", "sli": "API", "objective": "99%"},
    ]
}


LABELS = '{namespace="crm",crm_monitoring="crm",slo="delivery"}'


def rounded(metric: str) -> str:
    """Return a recorded series of the objective, without the last bits of its floating point numbers."""
    return f"round({metric}{LABELS}, 0.001)"


CASES = {
    "80 in 100 communications fail under an objective of 95 %": Case(
        FAST,
        {DELIVERED: "0+20x60", FAILED: "0+80x60"},
        {"4m": (), "20m": (*LOW, f"{FAST} slo=delivery")},
        NINETY_FIVE,
    ),
    "40 in 100 communications fail for an hour": Case(
        FAST,
        {DELIVERED: "0+60x90", FAILED: "0+40x90"},
        {"20m": LOW, "60m": (*LOW, f"{FAST} slo=delivery")},
        NINETY_FIVE,
    ),
    "four in a hundred fail, within the objective": Case(
        FAST,
        {DELIVERED: "0+96x90", FAILED: "0+4x90"},
        {"60m": (), "90m": ()},
        NINETY_FIVE,
        values={
            ("90m", rounded("crm:slo_error_budget_remaining:ratio")): {LABELS: 0.2},
            ("90m", rounded("crm:slo_burn_rate:rate1h")): {LABELS: 0.8},
            ("90m", rounded("crm:slo_error_budget_exhaustion:seconds")): {LABELS: 648000},
            ("90m", rounded("crm:slo_objective:ratio")): {LABELS: 0.95},
        },
    ),
    "an outage has ended": Case(
        FAST,
        {DELIVERED: "0x30 0+100x60", FAILED: "0+100x30 3000x60"},
        {"30m": (*LOW, "CRMAllChannelsFailed", f"{FAST} slo=delivery"), "75m": ()},
        NINETY_FIVE,
    ),
    "sixteen failures are too few to page": Case(
        FAST,
        {FAILED: "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 16x60"},
        {"20m": (f"{OVERALL} volume=low", f"{EMAIL} volume=low", "CRMAllChannelsFailed")},
        NINETY_FIVE,
    ),
    "an objective of 90 % can be missed fast enough to page": Case(
        FAST, {DELIVERED: "0+10x60", FAILED: "0+90x60"}, {"25m": (*LOW, f"{FAST} slo=delivery")}, NINETY
    ),
    "an objective of 50 % can be missed fast enough to page": Case(
        FAST,
        {DELIVERED: "0+2x200", FAILED: "0+98x200"},
        {"100m": (*LOW, f"{FAST} slo=delivery")},
        HALF,
    ),
    "a quiet hour of failures weighs less than a busy hour before": Case(
        SLOW,
        {DELIVERED: "0+1000x200 200000x200", FAILED: "0x200 1+1x200"},
        {"240m": (*LOW, "CRMAllChannelsFailed")},
        NINETY_FIVE,
        values={
            ("240m", f"crm:slo_errors:ratio_rate6h{LABELS} < bool 0.01"): {LABELS: 1},
        },
    ),
    "20 in 100 fail: too few for a page, too many for the month": Case(
        SLOW,
        {DELIVERED: "0+80x300", FAILED: "0+20x300"},
        {"40m": LOW, "130m": LOW, "160m": (*LOW, f"{SLOW} slo=delivery")},
        NINETY_FIVE,
    ),
    "13 in 200 fail for most of a day under a weekly objective": Case(
        SPENT,
        {DELIVERED: "0+187x1200", FAILED: "0+13x1200"},
        {
            "100m": (),
            "1000m": (f"{SLOW} slo=delivery",),
            "1100m": (f"{SLOW} slo=delivery", f"{SPENT} slo=delivery"),
        },
        WEEK,
        purposes=("slo",),
    ),
    "8 in 200 fail for most of a day under a weekly objective": Case(
        SPENT, {DELIVERED: "0+192x1200", FAILED: "0+8x1200"}, {"1100m": ()}, WEEK, purposes=("slo",)
    ),
    "half of the deliveries are late": Case(
        FAST,
        {
            bucket("300"): "0+50x90",
            bucket("600"): "0+100x90",
            bucket("+Inf"): "0+100x90",
            COUNT: "0+100x90",
            'crm_api_requests_total{api="smtp"}': "0+100x90",
        },
        {"60m": ("CRMDeliveryTimeSlow channel=email", f"{FAST} slo=latency")},
        OTHERS,
    ),
    "one in five requests to providers fails": Case(
        FAST,
        {
            'crm_api_requests_total{api="smtp"}': "0+100x90",
            'crm_api_errors_total{api="smtp",error_type="timeout"}': "0+20x90",
        },
        {"60m": ("CRMAPIErrorRateHigh api=smtp", f"{FAST} slo=api")},
        OTHERS,
    ),
    "series of an existing job burn the budget": Case(
        FAST,
        {DELIVERED: "0+20x60", FAILED: "0+80x60"},
        {"20m": (*LOW, f"{FAST} slo=delivery")},
        {**NINETY_FIVE, "metrics": {"monitor": "None", "existingJob": "legacy"}},
        scraped={"namespace": "crm", "job": "legacy", "instance": "a"},
    ),
    "deliveries without a bucket at the bound are not taken for late": Case(
        FAST,
        {bucket("600"): "0+100x90", bucket("+Inf"): "0+100x90", COUNT: "0+100x90"},
        {"25m": ("CRMDeliveryTimeSlow channel=email",)},
        OTHERS,
    ),
}
