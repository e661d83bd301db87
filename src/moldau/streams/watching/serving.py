"""A worker, and the address at which it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from moldau.streams.app import App
from moldau.streams.loose_ends import loose_ends
from moldau.streams.running.unread import say
from moldau.streams.running.worker import Worker
from moldau.streams.topology import topology
from moldau.streams.watching.addresses import Listening, listen
from moldau.streams.watching.document import Document
from moldau.streams.watching.members import TO_SEND_S, Member, Members, Membership
from moldau.streams.watching.readable import readables
from moldau.streams.watching.watch import Watch


@contextmanager
def serving(
    app: App, slot: int, http: str | None, listens: Callable[[Listening], None]
) -> Iterator[Worker]:
    """A worker that is to be run, and answers at HOST:PORT (None: nowhere) meanwhile. `listens`: is
    told where. Raises StreamsError when that address is not to be had."""
    made = topology(app.id, app.nodes)
    if slot == 0:  # for all of this machine
        for loose in loose_ends(made, is_asked=http is not None):
            say(f"{app.id}: {loose}")
    if http is None:
        yield Worker(app, slot=slot, watch=Watch(made, slot))
        return
    tables = {table for one in readables(made).values() for table in one.tables}
    watch = Watch(made, slot, keeps=True, readable=tables)
    with ExitStack() as left:
        listening = listen(http)
        for one in listening.sockets:
            left.callback(one.close)
        worker = Worker(app, slot=slot, watch=watch)
        membership = Membership(app, _member(watch, listening))
        left.callback(lambda: membership.close(worker.patience.left_s(TO_SEND_S)))
        watch.on_tasks = membership.tell
        _answer(app, worker, watch, membership, listening, left)
        listens(listening)
        yield worker


def _answer(
    app: App,
    worker: Worker,
    watch: Watch,
    membership: Membership,
    listening: Listening,
    left: ExitStack,
) -> None:
    """Only who answers needs the library for it."""
    from moldau.streams.watching.http import HttpServer, Request, Response
    from moldau.streams.watching.routing import Routing
    from moldau.streams.watching.rows import Rows
    from moldau.streams.watching.site import Site
    from moldau.streams.watching.tables import Tables

    members = Members(app)
    left.callback(members.close)
    made, rows = topology(app.id, app.nodes), Rows(watch.committed)
    tables = Tables(made, worker.partitions, rows, worker.global_tables, members.now, membership.me)
    left.callback(tables.close)

    routing = Routing(worker.partitions, members.now, lambda: membership.me, worker.has)
    pages = app.pages

    async def document() -> Document:
        return Document(app.id, [watch.told()])

    async def others(request: Request) -> Response | None:
        own = None if pages is None else await pages.answer(request, routing)
        return own or await tables.answer(request)

    is_own = (lambda _: False) if pages is None else pages.has
    server = HttpServer(listening, Site(document, others, is_own).answer)
    server.start()
    left.callback(server.close)


def _member(watch: Watch, listening: Listening) -> Member:
    told = watch.told()
    where = (listening.advertised, listening.port)
    return Member(told.process, told.machine, told.pid, told.slot, *where)
