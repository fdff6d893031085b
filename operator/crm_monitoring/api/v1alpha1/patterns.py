"""Every pattern of the resource, with the words that say what it accepts.

RE2 (API server) and Rust's regex (pydantic) agree on everything used here: no look-around, and no classes such as `\\s`
that are ASCII in the one and Unicode in the other.
"""

DURATION = r"^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?([0-9]{1,9}ms)?$"
RATIO = r"^(100|[0-9]{1,2}([.][0-9]{1,3})?)%$"
COUNT = r"^[0-9]{1,9}$"
NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
SECRET_KEY = r"^[-._a-zA-Z0-9]+$"
LABEL_NAME = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
LABEL_KEY = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)
LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
ENVIRONMENT = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
URL_PATH = r"^/[-A-Za-z0-9._~!$&'()*+,;=:@%/]*$"
PORT_NAME = r"^([0-9]+-?)*[a-z](-?[a-z0-9]+)*$"
JOB = r"^[-A-Za-z0-9._/]+$"
FILE_PATH = r"^/[-A-Za-z0-9._/]+$"
PROBER_MODULE = r"^[A-Za-z0-9_]+$"
FOLDER = r"^[A-Za-z0-9][-A-Za-z0-9 _]*$"
ALERT_NAME = r"^[A-Z][A-Za-z0-9]*$"
RUNBOOKS = r"^https?://[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[-A-Za-z0-9._~!$&()*+,;=:@%/]*)?$"
EMAIL_ADDRESS = r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$"
SMARTHOST = r"^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?:[0-9]{1,5}$"
SLACK_CHANNEL = r"^[#@][^\x00-\x20\x7f\"'\\{}<>]+$"
TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
END_OF_TIME = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
TIME_ZONE = r"^[A-Za-z]+(/[-+A-Za-z0-9_]+)*$"

HINTS = {
    DURATION: "a time such as 15s, 10m or 1h30m",
    RATIO: "a percentage such as 95% or 99.5%",
    COUNT: 'a whole number in quotes such as "100"',
    NAME: "lower-case letters, digits and dashes, such as crm-api",
    SUBDOMAIN: "lower-case letters, digits, dashes and dots, such as crm-api",
    SECRET_KEY: "letters, digits, dashes, dots and underscores, such as slack-webhook-url",
    LABEL_NAME: "letters, digits and underscores, such as team",
    LABEL_KEY: "a Kubernetes label key such as release or example.com/team",
    LABEL_VALUE: "letters, digits, dashes, dots and underscores, such as kube-prometheus-stack",
    ENVIRONMENT: "letters, digits, dashes, dots and underscores, such as production",
    URL_PATH: "a path without a query, such as /metrics",
    PORT_NAME: "the name of a port such as metrics",
    JOB: "the name of a scrape job such as crm-api",
    FILE_PATH: "an absolute path of a file, such as /var/log/crm/crm.log",
    PROBER_MODULE: "letters, digits and underscores, such as http_2xx",
    FOLDER: "letters, digits, blanks, dashes and underscores, such as CRM",
    ALERT_NAME: "a name in CamelCase such as NoWelcomeMessages",
    RUNBOOKS: "an http or https address without user, query or fragment, such as https://runbooks.example.com/crm",
    EMAIL_ADDRESS: "an e-mail address such as ops@example.com",
    SMARTHOST: "a host and a port such as smtp.example.com:587",
    SLACK_CHANNEL: "a channel such as #crm-alerts, or a user such as @oncall",
    TIME_OF_DAY: 'a time of day in quotes such as "08:00"',
    END_OF_TIME: 'a time of day in quotes such as "18:00", or "24:00"',
    TIME_ZONE: "a time zone such as Europe/Berlin",
}
"""What each pattern accepts, in words."""
