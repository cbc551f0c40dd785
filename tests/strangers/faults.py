"""Ways to break the stranger's stack: whom the one cause has to name, and in which words."""

from collections.abc import Callable
from typing import NamedTuple

from tests.strangers.strangers import SERVICES


class Fault(NamedTuple):
    """component: of the one cause. words: a pattern that its symptom or evidence holds.

    in_logs: whether logs alone tell of it, so that the stack must not be young.
    """

    name: str
    component: str
    words: str
    harm: Callable
    in_logs: bool = False

    def bring_about(self, stack):
        self.harm(stack)
        if self.in_logs:
            stack.until(stack.settled)


def _stopped(service):
    return lambda stack: stack.docker("stop", "--time", "1", stack.container(service))


def _killed(service):
    """By a person: it is not started again."""
    return lambda stack: stack.docker("kill", stack.container(service))


def _paused(service):
    return lambda stack: stack.docker("pause", stack.container(service))


def _password(stack):
    """Changed in the database alone; what is connected is thrown out, as by its restart."""
    stack.sql("ALTER ROLE shop PASSWORD 'another'")
    stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'")
    stack.until(lambda: stack.starts("jobs"))


def _full(stack):
    stack.redis("config", "set", "maxmemory", "1")
    stack.until(lambda: stack.starts("jobs") and stack.answers("/api/health") == 503)


def _wrong_upstream(stack):
    stack.upstreams(api="shop-apy")
    stack.docker("restart", "--time", "1", stack.container("edge"))
    stack.until(lambda: stack.starts("edge"))


def _new_address(stack):
    """The API is made anew while something else has taken its address."""
    network = f"{stack.project}_shop"
    before = stack.state("shop-api")["NetworkSettings"]["Networks"][network]["IPAddress"]
    words = ["run", "-d", "--name", stack.guest, "--network", network, stack.state("cache")["Image"]]
    stack.docker("rm", "-f", stack.container("shop-api"))
    stack.docker(*words, "sleep", "600")
    stack.compose("up", "-d", "--no-build", "--no-deps", "shop-api")
    assert stack.state("shop-api")["NetworkSettings"]["Networks"][network]["IPAddress"] != before
    stack.until(lambda: stack.state("shop-api")["State"]["Health"]["Status"] == "healthy")
    stack.until(lambda: stack.answers("/api/health") >= 500)


def _wrong_cache(stack):
    stack.environment("stock-api", REDIS_URL="redis://cash:6379/0")
    _anew(stack, "stock-api")
    stack.until(lambda: stack.answers("/admin/health") == 503)


def _localhost(stack):
    stack.environment("shop-api", DATABASE_URL=f"postgresql://shop:{stack.password}@localhost:5432/shop")
    _anew(stack, "shop-api")
    stack.until(lambda: stack.answers("/api/health") == 503)


def _anew(stack, service):
    """With its new variables; the proxy knows where it is now."""
    stack.recreate(service)
    stack.restart("edge")


def _line_ends(stack):
    stack.entrypoint("\r\n")
    stack.docker("restart", "--time", "1", stack.container("jobs"), check=False)
    stack.until(lambda: stack.starts("jobs") or not stack.state("jobs")["State"]["Running"])


def _frozen_process(stack):
    """The only one that answers; the one that watches it waits for ever."""
    stack.docker("exec", stack.container("stock-api"), "sh", "-c", "kill -STOP $(cat /proc/1/task/1/children)")
    stack.until(lambda: stack.answers("/admin/health") != 200)


def _removed(stack):
    stack.docker("rm", "-f", stack.container("db"))


def _nothing_created(stack):
    """As after an `up` that failed before the first container."""
    stack.compose("down", "--timeout", "0")


ENDED = {
    "stopped": (_stopped, "ended|exit code"),
    "killed": (_killed, "ended|exit code|killed"),
    "paused": (_paused, "paused"),
}
FAULTS = (
    *(
        Fault(f"{service}-{how}", service, words, harm(service))
        for how, (harm, words) in ENDED.items()
        for service in SERVICES
    ),
    Fault("password-changed", "db", "password authentication failed", _password),
    Fault("cache-full", "cache", "maxmemory|out of memory|OOM", _full, in_logs=True),
    Fault("upstream-named-wrong", "edge", "shop-apy", _wrong_upstream),
    Fault("api-at-a-new-address", "edge", r"old address|\d+\.\d+\.\d+\.\d+", _new_address, in_logs=True),
    Fault("cache-named-wrong", "stock-api", "cash", _wrong_cache, in_logs=True),
    Fault("database-on-localhost", "shop-api", "localhost", _localhost, in_logs=True),
    Fault("windows-line-ends", "jobs", "no such file or directory", _line_ends),
    Fault("process-frozen", "stock-api", "answer", _frozen_process),
    Fault("database-removed", "db", "no container", _removed),
    Fault("nothing-created", "docker", "nothing of the project .* created", _nothing_created),
)
