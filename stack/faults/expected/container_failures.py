"""What a broken container, engine or network takes with it: the lists that many faults under Docker share."""

from stack.faults.expected.unknowns import NO_PAGE, NO_TOKEN, PUBLIC_API, PUBLIC_TOKEN

PROJECT = "test_project_has_containers"
RUNNING, UP, HEALTHY = "test_service_is_running", "test_service_stays_up", "test_service_is_healthy"
RUNNABLE = "test_health_check_can_run"
MEMORY = "test_container_memory_is_under_its_limit"
CPU = "test_container_cpu_is_not_pegged"
PROCESSES = "test_container_processes_are_under_their_limit"
NETWORK = "test_services_share_a_network"
LISTENS = "test_service_listens_at_its_port"
NAMESAKES = "test_service_name_is_its_own"
LOG = "test_log_shows_no_fatal_error"
LOG_FILE = "test_log_file_is_there"
BURST = "test_log_shows_no_burst_of_errors"
RATE_LIMIT = "test_no_rate_limit_turns_visitors_away"
KILLED = "test_nothing_was_killed_for_memory"
RESOLVES = "test_database_name_resolves_in_the_backend"
PORT = "test_database_port_answers_in_the_backend"
FROM_INSIDE = [RESOLVES, PORT]
UNDECLARED_RUN, UNDECLARED_HEALTHY = "test_undeclared_services_run", "test_undeclared_services_are_healthy"
UNDECLARED_RUNNABLE = "test_health_checks_of_undeclared_services_can_run"
UNDECLARED_LIMITS = "test_undeclared_services_are_under_their_limits"
UNDECLARED_LOG = "test_logs_of_undeclared_services_show_no_fatal_error"
UNDECLARED_BURST = "test_logs_of_undeclared_services_show_no_burst_of_errors"
UNDECLARED = [
    *(UNDECLARED_RUN, UNDECLARED_HEALTHY, UNDECLARED_RUNNABLE, UNDECLARED_LIMITS),
    *(UNDECLARED_LOG, UNDECLARED_BURST),
]
OPEN_FILES = "test_open_files_are_under_their_limit"
ON_NETWORK = [NETWORK, LISTENS, NAMESAKES]
STATS = [MEMORY, CPU, PROCESSES, OPEN_FILES]
SERVICES = ["postgres", "backend", "frontend"]


def of(service: str, *checks: str) -> list[str]:
    return [f"{check}[{service}]" for check in checks]


def not_running(service: str) -> list[str]:
    """What can only be asked of a container that runs."""
    return [*of(service, UP, HEALTHY, RUNNABLE, *STATS, *ON_NETWORK), *(FROM_INSIDE if service == "backend" else [])]


def restarting(service: str) -> list[str]:
    """What nobody can tell of a container between two starts."""
    return [
        *of(service, RUNNING, HEALTHY, RUNNABLE, *STATS, *ON_NETWORK),
        *(FROM_INSIDE if service == "backend" else []),
    ]


# No certificate is watched under Docker: it has no TLS address.
SILENT_PAGE = [
    *NO_PAGE,
    *("test_handshake_succeeds_through_the_proxy", PUBLIC_API, PUBLIC_TOKEN),
]

# The database is gone for the backend, which says so itself.
NO_LOGIN = ["test_unknown_account_is_refused", *NO_TOKEN]

# Only the engine could have told.
SPACE = "test_data_volume_has_space"
SECRET = ["test_jwt_secret_is_set", "test_jwt_secret_is_not_a_default", "test_jwt_secret_is_long_enough"]
NO_ENGINE = [
    *(check for service in SERVICES for check in of(service, RUNNING, UP, HEALTHY, RUNNABLE, *STATS, *ON_NETWORK)),
    *(check for service in SERVICES for check in of(service, LOG, BURST)),
    *(*FROM_INSIDE, *UNDECLARED, PROJECT),
    *("test_backend_has_a_memory_limit", KILLED, "test_database_log_shows_no_corruption"),
    *("test_data_volume_is_in_place", "test_data_volume_is_writable", SPACE),
    *("test_no_burst_of_authentication_errors", "test_no_burst_of_socket_errors", RATE_LIMIT),
    *(*SECRET, "test_jwt_secret_is_the_same_everywhere"),
    *("test_token_is_signed_with_the_current_secret", "test_forged_tokens_are_refused[expired]"),
]
