"""PLAYBOOK.md: what the team edits can be read, can be typed, and belongs to the checks."""

import ast
import re
import shlex
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from oncall.playbook import PLACEHOLDER, RISKS, Playbook, PlaybookError, Step, fill, for_runtime, parse
from oncall.target.kinds import Component
from oncall.target.schema import Backend, Docker, Frontend, Host, Postgres, Process, Stack

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "PLAYBOOK.md").read_text("utf-8")
PAGE = parse(TEXT)
STEPS = [
    pytest.param(block, id=f"{section.id}-{number}{block.runtime and '-'}{block.runtime}")
    for section in PAGE.sections
    for number, step in enumerate(section.recovery, 1)
    for block in (step, *step.others)
]
UNITS = Stack(
    docker=Docker(absent=True),
    backend=Backend(unit="shop-api.service"),
    frontend=Frontend(unit="nginx.service"),
    postgres=Postgres(unit="postgresql@15-main.service"),
)
PROCESSES = Stack(
    docker=Docker(absent=True),
    backend=Backend(process=Process(pid_file="/run/my api.pid", log_files=("/var/log/my api/*.log",))),
    frontend=Frontend(process=Process(port=3000)),
    postgres=Postgres(process=Process(pid_file="/run/postgres.pid"), log_files=("/var/log/postgresql/*.log",)),
)
NOBODY_HAS_SAID = Stack(docker=Docker(absent=True))
HOWEVER = {"compose": Stack(), "systemd": UNITS, "process": PROCESSES, "": NOBODY_HAS_SAID}
ODD = Stack(
    compose="docker compose -p shop",
    docker=Docker(project="shop"),
    backend=Backend(url="https://shop.example/a b;reboot?x=1&y=2", env_file="/srv/it's $(reboot)/.env"),
    postgres=Postgres(dbname='my db"; DROP', user="o'hara"),
    host=Host(backup_file="/var/my backups/*.dump"),
)


def _checks():
    """Each check: its file's severity and section. Read, not imported."""
    found = {}
    for path in sorted((ROOT / "checks").rglob("test_*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        marks = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pytest.mark"
        ]
        severity = next(mark.attr for mark in marks if re.fullmatch("p[1-4]", mark.attr))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        section = next(call.args[0].value for call in calls if ast.unparse(call.func) == "pytest.mark.playbook")
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[node.name] = (severity, section)
    return found


CHECKS = _checks()

# What the team's first playbook did by hand to look, and what does it now. An empty tuple: it looks into containers,
# so it is still done by hand, and PLAYBOOK.md must carry it.
BY_HAND = {
    "docker-compose ps": ("test_service_is_running", "test_service_stays_up", "test_service_is_healthy"),
    "curl http://localhost:3001/health": ("test_backend_answers_its_health_check", "test_every_health_sub_check_is_ok"),
    "curl http://localhost:3000": ("test_frontend_serves_its_page", "test_scripts_and_styles_are_served"),
    "docker-compose logs --tail=100 backend": ("test_log_shows_no_fatal_error",),
    "docker-compose logs --tail=100 frontend": ("test_log_shows_no_fatal_error",),
    "docker-compose logs --tail=100 postgres": (
        "test_log_shows_no_fatal_error",
        "test_database_log_shows_no_corruption",
    ),
    "docker stats": ("test_container_memory_is_under_its_limit", "test_container_cpu_is_not_pegged"),
    "df -h": ("test_filesystems_have_free_space", "test_filesystems_have_free_inodes"),
    "uptime": ("test_host_cpu_is_not_saturated",),
    "free -m": ("test_memory_is_available", "test_swap_is_not_exhausted"),
    "docker network ls": ("test_services_share_a_network",),
    "docker-compose exec backend ping postgres": (
        "test_database_name_resolves_in_the_backend",
        "test_database_port_answers_in_the_backend",
    ),
    "dmesg | grep -i oom": ("test_nothing_was_killed_for_memory",),
    "docker-compose logs backend | grep -i auth": ("test_no_burst_of_authentication_errors",),
    "docker-compose exec backend env | grep JWT": ("test_jwt_secret_is_set",),
    "curl -X POST http://localhost:3001/api/auth/login": (
        "test_probe_account_logs_in",
        "test_unknown_account_is_refused",
    ),
    "curl http://localhost:3001/metrics | grep websocket": (
        "test_connection_count_is_exported",
        "test_connections_are_under_their_limit",
    ),
    'docker-compose logs backend | grep -i "websocket\\|socket"': ("test_no_burst_of_socket_errors",),
    "wscat -c ws://localhost:3001/realtime": ("test_handshake_succeeds", "test_ping_is_answered_in_time"),
    'curl -w "@curl-format.txt" -o /dev/null -s http://localhost:3001/api/suites': ("test_endpoint_answers_in_time",),
    "SELECT query, mean_time, calls": ("test_no_query_is_slow_on_average",),
    "curl http://localhost:3001/health | jq '.checks.memory'": ("test_backend_memory_is_under_its_limit",),
    "EXPLAIN ANALYZE SELECT * FROM tasks WHERE ...": ("test_large_tables_are_read_by_index",),
}


@pytest.mark.parametrize("command", BY_HAND)
def test_everything_done_by_hand_is_in_the_playbook_beside_what_does_it_now(command):
    """Nothing of the team's first playbook was lost; where a check does it, the page says which."""
    rows = [line.replace("\\|", "|") for line in TEXT.splitlines() if line.startswith("| ")]
    wanted = command.replace("\\|", "|")
    held = [row for row in rows if wanted in row]

    assert held
    assert set(BY_HAND[command]) <= CHECKS.keys()
    assert all(any(name in row for row in held) for name in BY_HAND[command][:1])


def test_every_check_has_a_section_of_its_own_severity():
    """A finding without a recovery leaves somebody alone at three in the morning."""
    sections = {section.id: section.severity for section in PAGE.sections}

    assert {name: severity for name, (severity, _) in CHECKS.items()} == {
        name: sections.get(section) for name, (_, section) in CHECKS.items()
    }


def test_every_section_has_a_check():
    """A section that no check leads to is not found when it is needed."""
    assert {section.id for section in PAGE.sections} == {section for _, section in CHECKS.values()}


def test_every_check_that_the_page_names_exists():
    """In its tables and its steps."""
    named = set(re.findall(r"\btest_\w+", parse_out_comments(TEXT)))

    assert named <= CHECKS.keys()
    assert CHECKS.keys() <= named  # and each check is found in the page


def parse_out_comments(text):
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def test_the_severities_are_those_that_the_team_promised():
    """15 minutes, an hour, four hours, a day; in the words that people use."""
    times = {severity: level.respond_within for severity, level in PAGE.levels.items()}

    assert times == {
        "p1": timedelta(minutes=15),
        "p2": timedelta(hours=1),
        "p3": timedelta(hours=4),
        "p4": timedelta(hours=24),
    }
    assert [level.words for level in PAGE.levels.values()] == ["15 minutes", "1 hour", "4 hours", "24 hours"]


@pytest.mark.parametrize("section", PAGE.sections, ids=lambda section: section.id)
def test_every_section_has_symptoms_and_starts_with_a_look(section):
    """What a tired person types first changes nothing; where nothing is there, nothing can be changed."""
    assert section.symptoms
    assert section.recovery[0].risk == "read-only" or section.id == "project-not-created"


@pytest.mark.parametrize("odd", [False, True], ids=["usual", "odd"])
@pytest.mark.parametrize("step", STEPS)
def test_every_command_can_be_typed(step, odd):
    """Filled from any target, a shell can read it and nothing is left to fill."""
    stack = ODD if odd else HOWEVER[step.runtime or "compose"]
    command = fill(step, stack).command
    checked = subprocess.run(["bash", "-n"], input=command, text=True, capture_output=True, check=False)

    assert (checked.returncode, checked.stderr) == (0, "")
    assert not PLACEHOLDER.search(command)


@pytest.mark.parametrize("step", STEPS)
def test_placeholders_stand_outside_quotes(step):
    """Inside quotes, what makes a filled value one safe word would stand there literally, or not protect."""
    bare = re.sub(r"'[^']*'|\"(?:\\.|[^\"\\])*\"", lambda quoted: " " * len(quoted[0]), step.command)
    nested = [part for part in re.findall(r'"\$\((.*?)\)"', step.command)]

    assert len(PLACEHOLDER.findall(bare)) + len(PLACEHOLDER.findall(" ".join(nested))) == len(
        PLACEHOLDER.findall(step.command)
    )


@pytest.mark.parametrize("runtime", HOWEVER, ids=lambda runtime: runtime or "unsaid")
@pytest.mark.parametrize("section", PAGE.sections, ids=lambda section: section.id)
@pytest.mark.parametrize("component", ["backend", "frontend", "postgres"])
def test_every_section_begins_with_a_step_for_each_runtime(section, runtime, component):
    """Whoever was woken is told what to type next, whatever the part runs in."""
    if section.id in ("undeclared-service", "project-not-created") and runtime != "compose":
        return  # of units and processes nobody can tell which are of the stack
    fitting = [for_runtime(step, HOWEVER[runtime], component) for step in section.recovery]
    first = next(step for step in fitting if step)

    assert fitting[0] or not runtime  # of a part of which nobody has said how it runs: any look that needs neither
    assert first.runtime in ("", runtime)
    assert first.risk == "read-only" or section.id == "project-not-created"  # nothing is there that could change


@pytest.mark.parametrize(("runtime", "steps_there"), [("systemd", 70), ("process", 70), ("", 40)])
@pytest.mark.parametrize("component", ["backend", "postgres", "host", "auth", None])
def test_nothing_speaks_of_compose_where_there_is_none(runtime, steps_there, component):
    """A command that cannot work costs the minutes of whoever types it; nothing stays to fill but CAPITALS."""
    steps = [step for section in PAGE.sections for step in section.recovery]
    typed = [step for step in (for_runtime(step, HOWEVER[runtime], component) for step in steps) if step]

    assert len(typed) > steps_there
    assert not [step.command for step in typed if re.search("compose|docker", fill(step, HOWEVER[runtime]).command)]
    assert not [step.sentence for step in typed if re.search("(?i)compose|docker", step.sentence)]


def test_a_mixed_stack_gets_for_each_part_what_fits_it():
    """The backend under Compose, the database as a unit: the one is restarted by Compose, the other by systemd."""
    mixed = Stack(postgres=Postgres(unit="postgresql.service"), components={"queue": Component(external=True)})
    restart = parse(BLOCKS).sections[0].recovery[0]

    assert fill(for_runtime(restart, mixed, "backend"), mixed, "backend").command == "docker-compose restart backend"
    assert for_runtime(restart, mixed, "postgres").command == "systemctl restart {unit}"
    assert for_runtime(restart, mixed, "queue") is None
    assert for_runtime(restart, mixed, "host") is not None


BLOCKS = """\
## Slow <a id="slow"></a>

Severity: P3

### Recovery

1. Restart it.

   ```bash compose
   {compose} restart {service}
   ```

   Restart its unit.

   ```bash systemd
   systemctl restart {unit}
   ```

   - Exit: 0, 3

   - Risk: restart
   - Verify: test_it
"""


def test_a_step_has_a_block_for_each_runtime():
    """Each with its own sentence and codes where it has some; risk and check are the step's."""
    (step,) = parse(BLOCKS).sections[0].recovery
    (unit,) = step.others

    assert (step.runtime, step.sentence, step.command, step.exits) == (
        "compose",
        "Restart it.",
        "{compose} restart {service}",
        (0,),
    )
    assert (unit.runtime, unit.sentence, unit.command, unit.exits) == (
        "systemd",
        "Restart its unit.",
        "systemctl restart {unit}",
        (0, 3),
    )
    assert step.verify == unit.verify == "test_it"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("bash systemd", "bash upstart", "'upstart' is no runtime; write one of compose, systemd, process behind bash"),
        ("bash systemd", "bash compose", "this step has two blocks for one runtime"),
    ],
)
def test_a_block_of_no_runtime_is_named(old, new, words):
    """It would be shown to nobody."""
    with pytest.raises(PlaybookError) as raised:
        parse(BLOCKS.replace(old, new))

    assert words in str(raised.value)


DESTROYS = (
    r"volume rm|pg_restore (?!--list)|pg_promote|migrate (deploy|resolve)|--vacuum|_reset\("
    r"|DROP|DELETE|prune.*--volumes"
)
TOUCHES = (
    r"\b(restart|stop|up -d|run --rm -v|terminate_backend|REINDEX|CREATE|ALTER)\b"
    r"|certbot|set-ntp|sed -i|prune|-s reload"
)


@pytest.mark.parametrize("step", STEPS)
def test_the_risk_is_not_understated(step):
    """What destroys says so; what restarts or changes is not called read-only."""
    if re.search(DESTROYS, step.command):
        assert step.risk == "data loss"
    elif re.search(TOUCHES, step.command):
        assert step.risk != "read-only"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (r"restart \{backend\}\s*\n.*JWT", r"up -d --force-recreate --no-deps \{backend\}"),
        (r"stop \{postgres\}\s*\n?.*volume rm", r"rm -sf \{postgres\} && docker volume rm"),
        (r"docker stats(?! --no-stream)", r"docker stats --no-stream"),
        (r"SELECT[^\n]*[ (]mean_time\b", r"mean_exec_time"),
        (r"\{backend\} ping ", r"getent hosts \{postgres\}"),
        (r"@curl-format", r"%\{time_starttransfer\}"),
        (r"env \| grep", r"printenv"),
        (r"--scale", r"up -d --force-recreate"),
        (r"(?m)^cd backend", r"run --rm --no-deps \{backend\} npx prisma migrate deploy"),
        (r"wscat", r"Sec-WebSocket-Key"),
        (r"(?m)^dmesg", r"sudo dmesg -T"),
        (r"EXPLAIN ANALYZE", r"'EXPLAIN SELECT"),
    ],
)
def test_commands_that_could_not_do_their_work_are_replaced(wrong, right):
    """The first playbook's restart that reads no .env, volume that cannot be removed, stats that never end ..."""
    commands = "\n".join(step.values[0].command for step in STEPS)

    assert not re.search(wrong, commands)
    assert re.search(right, commands)


def test_a_value_is_one_word_whatever_it_holds():
    """A blank, a quote or a $(command) in the target cannot become a command."""
    step = Step("", "run {backend_url} {env_file} {database} {database_user}", "read-only", "test_it")

    assert shlex.split(fill(step, ODD).command) == [
        "run",
        "https://shop.example/a b;reboot?x=1&y=2",
        "/srv/it's $(reboot)/.env",
        'my db"; DROP',
        "o'hara",
    ]


def test_the_compose_command_may_be_two_words_and_a_backup_may_be_a_pattern(tmp_path):
    """`docker compose` is two words; the shell expands the pattern, also in a folder with a blank in its name."""
    folder = tmp_path / "my backups"
    folder.mkdir()
    (folder / "a.dump").touch()
    stack = Stack(compose="echo compose", host=Host(backup_file=f"{folder}/*.dump"))
    command = fill(Step("", "{compose} {backup_file}", "read-only", "test_it"), stack).command
    said = subprocess.run(["bash", "-c", command], text=True, capture_output=True, check=True).stdout

    assert said == f"compose {folder}/a.dump\n"


def test_an_empty_page_has_nothing_to_quote():
    """A foreign suite may have no playbook, or one of another form."""
    assert parse("") == Playbook()
    assert parse("# Ours\n\n## Restart it\n\nJust restart it.\n") == Playbook()
    assert Playbook().section("database-down") is None


GOOD = """\
## Slow <a id="slow"></a>

Severity: P3

### Symptoms

- It is slow,
  very slow.

### Recovery

1. Look at
   it.

   ```bash
   {compose} ps
     # Recovery 2. of it
   ```

   - Risk: read-only
   - Verify: test_it
"""


def test_a_section_is_read_as_written():
    """Folded lines are one sentence, the command keeps its own indent, and a # in it is no heading."""
    (section,) = parse(GOOD).sections

    assert (section.id, section.title, section.severity, section.symptoms) == (
        "slow",
        "Slow",
        "p3",
        ("It is slow, very slow.",),
    )
    assert section.recovery == (Step("Look at it.", "{compose} ps\n  # Recovery 2. of it", "read-only", "test_it"),)


LIBERTIES = {
    "line ends": lambda text: text.replace("\n", "\r\n"),
    "byte order mark": lambda text: "\ufeff" + text,
    "no bullets": lambda text: text.replace("   - Risk", "   Risk").replace("   - Verify", "   Verify"),
    "case": lambda text: text.replace("P3", "p3").replace("read-only", "`Read-only`"),
    "fence": lambda text: text.replace("```bash", "~~~~").replace("```", "~~~~"),
    "comment": lambda text: "<!-- ## Old <a id='slow'></a>\n```\n-->\n" + text,
}


@pytest.mark.parametrize("change", LIBERTIES.values(), ids=LIBERTIES)
def test_small_liberties_are_taken_as_meant(change):
    """Line ends, a byte order mark, bullets or none, case, another fence, a comment."""
    assert parse(change(GOOD)) == parse(GOOD)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "Severity: P3\n",
            "",
            "line 1: the section 'slow' has no severity; write a line such as `Severity: P1` below it",
        ),
        ("Severity: P3", "Severity: P5", "line 1: the section 'slow' has no severity"),
        (' <a id="slow"></a>', "", "line 1: 'Slow' has a recovery, but no id; end its heading with <a id"),
        ('id="slow"', 'id="Slow one"', "has a recovery, but no id"),
        ("### Recovery", "### Recover", "line 1: the section 'slow' has no recovery; add `### Recovery`"),
        ("1. Look", "- Look", "line 10: the recovery of 'slow' has no steps; number them"),
        ("   {compose} ps\n     # Recovery 2. of it\n", "", "line 12: this step has no command; put one below it"),
        ("   - Risk: read-only\n", "", "line 12: this step has no risk; write one of `- Risk: read-only`"),
        ("read-only", "none", "line 12: this step has the risk 'none'; write one of"),
        ("   - Verify: test_it\n", "", "line 12: this step names no check that verifies it; write `- Verify: test_"),
        ("test_it", "look at it", "line 12: this step names no check that verifies it"),
        ("{compose}", "{composer}", "line 16: nothing fills the placeholder {composer}; use one of: account_key, "),
        (
            "   ```\n\n   - Risk",
            "\n   - Risk",
            "line 15: this block of commands is never closed; end it with a line of ```",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_its_mend(old, new, words):
    """The team edits the page; nobody should have to read the parser."""
    with pytest.raises(PlaybookError) as raised:
        parse(GOOD.replace(old, new))

    assert words in str(raised.value)
    assert str(raised.value).startswith("PLAYBOOK.md, line ")


def test_two_sections_cannot_share_an_id():
    """A check would quote the wrong one."""
    with pytest.raises(PlaybookError, match="two sections have the id 'slow'"):
        parse(GOOD + GOOD)


def test_a_time_that_cannot_be_read_is_refused():
    """A respond-by time is never guessed."""
    with pytest.raises(PlaybookError, match="line 4: 'soon' is no time to respond in; write `15 minutes` or `4 hours`"):
        parse("## Severity\n\n| Level | Name | Within |\n| P1 | Outage | soon |\n")


@pytest.mark.slow
def test_no_edit_of_one_line_makes_the_parser_stumble():
    """Whatever line is lost or doubled, the page is read or refused in words."""
    lines = TEXT.splitlines(keepends=True)
    for index in range(len(lines)):
        for edited in (lines[:index] + lines[index + 1 :], lines[: index + 1] + lines[index:]):
            try:
                page = parse("".join(edited))
            except PlaybookError as error:
                said = str(error)
                assert said.startswith("PLAYBOOK.md")  # noqa: PT017  (either way must hold, for each edit)
            else:
                assert all(step.risk in RISKS for section in page.sections for step in section.recovery)
