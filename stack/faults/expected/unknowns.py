"""What cannot be looked at while something nearer is broken: the `unknown` lists that many faults share."""

FORGERIES = ["no-token", "tampered", "expired", "alg-none", "empty-key"]
FORGED = [f"test_forged_tokens_are_refused[{forgery}]" for forgery in FORGERIES]
ACCEPTED = "test_issued_token_is_accepted"
WHOSE = "test_token_belongs_to_the_account_that_logged_in"
TOKEN_FORM = ["test_token_is_well_formed", "test_token_times_are_sane", "test_token_is_signed_with_the_current_secret"]
SOCKET = [
    "test_handshake_succeeds",
    "test_handshake_succeeds_through_the_proxy",
    "test_ping_is_answered_in_time",
    "test_socket_refuses_a_made_up_token",
]
BEHIND_SOCKET = SOCKET[1:]
ENDPOINTS = ["test_endpoint_answers_in_time[suites]", "test_endpoint_answers_in_time[tasks]"]

# Nobody is logged in: everything that a token opens.
LOGIN_TIME = "test_login_answers_in_time"
PUBLIC_TOKEN = "test_token_is_accepted_through_the_public_address"
NO_TOKEN = [
    *("test_issued_token_is_accepted", *FORGED, *TOKEN_FORM, WHOSE, *SOCKET, *ENDPOINTS),
    *(LOGIN_TIME, PUBLIC_TOKEN),
]

# The health body cannot be read.
NO_BODY = ["test_every_health_sub_check_is_ok", "test_backend_memory_is_under_its_limit"]

METRICS = ["test_connections_are_under_their_limit", "test_file_descriptors_are_under_their_limit"]

PUBLIC_API = "test_browsers_get_what_the_api_answers"
ORIGINS = "test_requests_of_the_page_are_accepted"
NO_API = ["test_api_answers_requests", PUBLIC_API, ORIGINS]

# The backend does not answer at all.
SILENT_BACKEND = [
    *NO_API,
    *NO_BODY,
    "test_connection_count_is_exported",
    *METRICS,
    "test_probe_account_logs_in",
    "test_unknown_account_is_refused",
    *NO_TOKEN,
]

# The frontend does not answer at all.
NO_PAGE = [
    *("test_scripts_and_styles_are_served", "test_images_fonts_and_icons_are_served"),
    *(
        "test_content_policy_allows_the_page",
        "test_secure_page_loads_nothing_without_tls",
        "test_page_calls_this_stack",
    ),
    *("test_page_is_not_kept_past_a_deployment", "test_missing_script_is_not_answered_with_a_page"),
]
SILENT_FRONTEND = [
    *(PUBLIC_API, PUBLIC_TOKEN),
    *NO_PAGE,
    "test_certificates_are_not_near_their_end",
    "test_handshake_succeeds_through_the_proxy",
]
