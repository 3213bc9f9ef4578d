"""Calls of tools: nothing runs unallowed, outputs leave in order, and one answer follows when all of them are there."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.each import each
from tests.support.script import At, Talk, at, committed, created, done, heard, opened, script, wire, words
from voicechat.core import events as on
from voicechat.core.effects import Connect, DropTools, RunTool
from voicechat.core.rules.reply_gate import MOST_ROUNDS
from voicechat.core.rules.tools import ASK_LIMIT, MOST_CALLS
from voicechat.core.state import State, Wishes
from voicechat.core.view import ToolAsk
from voicechat.core.viewing import turn_views, view
from voicechat.protocol import server_events as wires
from voicechat.protocol.client_events import ResponseCreate, SessionUpdate
from voicechat.protocol.items import Item

ASKED, FREE, NEVER = on.ToolOffer("look"), on.ToolOffer("add", "always"), on.ToolOffer("burn", "never")
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object"}}
MINE = {"type": "function", "name": "mine", "parameters": {"type": "object"}}
OFFERED = Wishes(tools=(ASKED, FREE, NEVER), session={"tools": [LOOK, MINE]})
BEGIN, KEYED = opened(wishes=OFFERED), opened(wishes=OFFERED, turn_mode="push-to-talk")


def call(call_id: str, name: str = "look", arguments: str = "{}", status: str | None = "completed") -> Item:
    """A call as the model makes it."""
    return Item(
        id=f"item-{call_id}", type="function_call", call_id=call_id, name=name, arguments=arguments, status=status
    )


def answered(*items: Item, response_id: str = "r1", status: str = "completed") -> tuple[At[on.Event], ...]:
    """An answer that called these, from 0 to 1 s."""
    added = tuple(at(0.5, wire(wires.ResponseOutputItemAdded(response_id=response_id, item=item))) for item in items)
    return (at(0.0, created(response_id)), *added, at(1.0, done(response_id, status, output=items)))


def outputs(talk: Talk) -> list[tuple[float, str | None, str | None]]:
    """When which call got which output."""
    return [(one.time, one.what.item.call_id, one.what.item.output) for one in talk.items("tool")]


def asked(talk: Talk) -> tuple[ToolAsk, ...]:
    """What the screen asks now."""
    return view(talk.state, talk.now, talk.policy).asked


def test_an_always_allowed_tool_runs_at_response_done_and_one_response_follows() -> None:
    talk = script(*answered(call("c1", "add", '{"first": 1}')), at(2.0, on.ToolFinished("c1", "2")), begin=BEGIN)
    assert talk.of(RunTool) == [at(1.0, RunTool("c1", "add", '{"first": 1}'))]
    assert outputs(talk) == [(2.0, "c1", "2")]
    assert talk.times(ResponseCreate) == [2.0]
    assert talk.kinds.index("ConversationItemCreate") < talk.kinds.index("ResponseCreate")
    echo = Item(id="tool-1-1", type="function_call_output", call_id="c1", output="2")
    assert talk.at(3.0).tell(wire(wires.ConversationItemAdded(item=echo))).at(20.0).times(ResponseCreate) == [2.0]


def test_nothing_runs_without_the_users_word() -> None:
    talk = script(*answered(call("c1", arguments='{"x": 1}')), begin=BEGIN, until=60.0)
    assert talk.of(RunTool) == []
    assert asked(talk) == (ToolAsk("c1", "look", '{"x": 1}'),)
    assert [turn.stage for turn in turn_views(talk.state, 60.0)] == ["asked"]
    talk.at(61.0).tell(on.ToolAllowed("c1")).at(62.5).tell(on.ToolFinished("c1", "seen"))
    assert talk.of(RunTool) == [at(61.0, RunTool("c1", "look", '{"x": 1}'))]
    (turn,) = turn_views(talk.state, 63.0)
    assert (turn.latency, turn.detail, turn.stage, turn.partial) == (1.5, '{"x": 1}  →  seen', "", False)
    assert talk.times(ResponseCreate) == [62.5]


@each("word", [on.ToolAllowed("c1"), on.ToolDenied("c1")])
def test_latency_excludes_the_wait_for_tool_approval(word: on.Event) -> None:
    talk = script(at(0.0, on.TextEntered("What do you see?")), *answered(call("c1")), begin=BEGIN)
    talk.at(61.0).tell(word)
    if isinstance(word, on.ToolAllowed):
        talk.at(61.0).tell(on.ToolFinished("c1", "seen"))
    talk.at(61.2).tell(created("r2")).at(61.4).tell(words("r2", "a2", "A dog.")).at(61.5).tell(heard())
    (answer,) = (turn for turn in turn_views(talk.state, 62.0) if turn.who == "assistant")
    assert answer.latency == pytest.approx(1.5)


def test_a_denied_call_is_told_to_the_model_which_may_answer_without_it() -> None:
    talk = script(*answered(call("c1")), at(3.0, on.ToolDenied("c1", "Too dear.")), begin=BEGIN)
    assert outputs(talk) == [(3.0, "c1", "The user did not allow this call; it was not run. Too dear.")]
    assert talk.times(ResponseCreate) == [3.0]
    assert talk.of(RunTool) == []
    assert turn_views(talk.state, 4.0)[0].failed == "you did not allow it"


def test_always_holds_for_the_rest_of_the_talk_and_over_a_new_line() -> None:
    talk = script(*answered(call("c1"), call("c2")), at(2.0, on.ToolAllowed("c1", True)), begin=BEGIN, until=3.0)
    assert [one.what.call_id for one in talk.of(RunTool)] == ["c1", "c2"]
    talk.at(3.0).tell(on.ToolFinished("c1", "1"), on.ToolFinished("c2", "2"))
    talk.at(3.2).tell(created("r2")).at(4.0).tell(done("r2", output=(call("c3"),)))
    assert [one.what.call_id for one in talk.of(RunTool)] == ["c1", "c2", "c3"]


def finished(time: float, call_id: str, output: str) -> At[on.Event]:
    return at(time, on.ToolFinished(call_id, output))


ADD1, ADD2, ASK1, ASK2, ASK3 = call("c1", "add"), call("c2", "add"), call("c1"), call("c2"), call("c3")
ITEM_DONE = wire(wires.ResponseOutputItemDone(response_id="r1", item=ADD1))
SPEAKS = wire(wires.InputAudioBufferSpeechStarted(item_id="u2", audio_start_ms=0))
UNKNOWN = "There is no tool called 'no_such'."
Answers = list[tuple[float, str, str]]
CALLED: list[tuple[str, State, tuple[At[on.Event], ...], list[str], Answers, list[float], list[str]]] = [
    ("outputs leave in the order of the calls, one answer follows all", BEGIN,
     (*answered(ADD1, ADD2, ASK3), finished(2.0, "c2", "two"), at(3.0, on.ToolAllowed("c3")),
      finished(4.0, "c3", "three"), finished(5.0, "c1", "one"), at(6.0, created("r2")), at(7.0, done("r2"))),
     ["c1", "c2", "c3"], [(5.0, "c1", "one"), (5.0, "c2", "two"), (5.0, "c3", "three")], [5.0], []),
    ("a slow call does not hold up those of the next answer", BEGIN,
     (*answered(ADD1), at(2.0, created("r2")), at(3.0, done("r2", output=(ADD2,))), finished(3.5, "c2", "quick"),
      at(4.0, created("r3")), at(5.0, done("r3")), finished(6.0, "c1", "slow"), at(7.0, created("r4")),
      at(8.0, done("r4"))),
     ["c1", "c2"], [(3.5, "c2", "quick"), (6.0, "c1", "slow")], [3.5, 6.0], []),
    ("calls are known from their items where response.done has no output", BEGIN,
     (at(0.0, created()), at(0.5, ITEM_DONE), at(1.0, done()), finished(2.0, "c1", "2"), at(3.0, created("r2")),
      at(4.0, done("r2"))),
     ["c1"], [(2.0, "c1", "2")], [2.0], []),
    ("never allowed and made up: refused at once", BEGIN,
     (*answered(call("c1", "burn"), call("c2", "no_such")), at(2.0, created("r2")), at(3.0, done("r2"))), [],
     [(1.0, "c1", "The user did not allow this call; it was not run."), (1.0, "c2", UNKNOWN)], [1.0], []),
    ("made up, without any tools: refused at once", opened(),
     (*answered(call("c1", "no_such")), at(2.0, created("r2")), at(3.0, done("r2"))), [],
     [(1.0, "c1", UNKNOWN)], [1.0], []),
    ("a stop runs nothing more and asks for nothing more", BEGIN,
     (*answered(ADD1, ASK2), at(2.0, on.StopPressed()), finished(3.0, "c1", "late")), ["c1"],
     [(3.0, "c1", "late"), (3.0, "c2", "The user stopped this before it was run.")], [], []),
    ("a result while the user speaks is left to the answer to that", BEGIN,
     (*answered(ADD1), at(1.5, SPEAKS), finished(2.0, "c1", "2"), at(3.0, committed("u2")), at(3.2, created("r2")),
      at(4.0, done("r2"))),
     ["c1"], [(2.0, "c1", "2")], [], []),
    ("a result while a key is held is answered when the press came to nothing", KEYED,
     (*answered(ADD1), at(1.5, on.TalkPressed()), finished(2.0, "c1", "2"), at(3.0, on.MuteChosen(True)),
      at(3.2, created("r2")), at(4.0, done("r2"))),
     ["c1"], [(2.0, "c1", "2")], [3.0], []),
    ("and not after a stop", KEYED,
     (*answered(ADD1), at(1.5, on.TalkPressed()), finished(2.0, "c1", "2"), at(2.5, on.StopPressed()),
      at(3.0, on.MuteChosen(True))),
     ["c1"], [(2.0, "c1", "2")], [], []),
    ("an unapproved call ends after two minutes without an answer", BEGIN,
     (*answered(ASK1), at(ASK_LIMIT, on.TimePassed())), [],
     [(1.0 + ASK_LIMIT, "c1", "The user did not allow this call within 120 s; it was not run.")], [], ["tool_expired"]),
]  # fmt: skip


@each(("name", "begin", "events", "runs", "answers", "creates", "notices"), CALLED)
def test_which_calls_run_and_what_the_model_gets(
    name: str,
    begin: State,
    events: tuple[At[on.Event], ...],
    runs: list[str],
    answers: Answers,
    creates: list[float],
    notices: list[str],
) -> None:
    talk = script(*events, begin=begin)
    assert [one.what.call_id for one in talk.of(RunTool)] == runs
    assert (outputs(talk), talk.times(ResponseCreate), talk.notices) == (answers, creates, notices)


@each("status", ["cancelled", "failed", "incomplete"])
def test_calls_of_an_answer_that_did_not_end_well_are_never_run(status: str) -> None:
    talk = script(*answered(call("c1", "add"), status=status), at(2.0, on.ToolAllowed("c1")), begin=BEGIN)
    assert talk.of(RunTool) == []
    assert outputs(talk) == []
    (turn,) = (turn for turn in turn_views(talk.state, 3.0) if turn.who == "tool")
    assert turn.failed.startswith("not run: the answer was")


def test_a_call_whose_own_item_is_incomplete_is_not_run_and_the_model_is_told() -> None:
    talk = script(*answered(call("c1", "add", '{"fir', "incomplete")), begin=BEGIN)
    assert talk.of(RunTool) == []
    assert "cut short" in str(outputs(talk)[0][2])
    assert talk.times(ResponseCreate) == [1.0]


def test_a_function_of_the_session_file_is_left_to_the_user_and_waited_for() -> None:
    talk = script(*answered(call("c1", "mine"), call("c2", "add")), at(2.0, on.ToolFinished("c2", "2")), begin=BEGIN)
    assert outputs(talk) == [(2.0, "c2", "2")]
    assert talk.times(ResponseCreate) == []
    assert talk.notices == ["tool_unanswered"]
    by_hand = Item(id="o1", type="function_call_output", call_id="c1", output="by hand")
    assert talk.at(40.0).tell(wire(wires.ConversationItemAdded(item=by_hand))).at(50.0).times(ResponseCreate) == [40.0]


def test_an_output_written_by_hand_takes_the_call_over() -> None:
    by_hand = Item(id="o1", type="function_call_output", call_id="c1", output="by hand")
    talk = script(*answered(call("c1")), at(2.0, wire(wires.ConversationItemAdded(item=by_hand))), begin=BEGIN)
    assert asked(talk) == ()
    assert talk.times(ResponseCreate) == [2.0]
    talk.at(40.0).tell(on.ToolAllowed("c1"))
    assert talk.of(RunTool) == []


def test_with_the_line_its_calls_are_forgotten() -> None:
    talk = script(*answered(call("c1", "add"), call("c2")), at(2.0, on.LineLost(1, "gone")), begin=BEGIN, until=2.1)
    assert talk.of(DropTools) == [at(2.0, DropTools())]
    assert asked(talk) == ()
    talk.at(2.2).tell(on.ToolFinished("c1", "late"), on.ToolAllowed("c2"))
    assert outputs(talk) == []
    assert len(talk.of(RunTool)) == 1


def test_too_many_calls_at_once_are_refused() -> None:
    calls = tuple(call(f"c{number}", "add") for number in range(MOST_CALLS + 2))
    talk = script(*answered(*calls), begin=BEGIN)
    assert len(talk.of(RunTool)) == MOST_CALLS


REQUEST = Item(
    id="mcpr_1", type="mcp_approval_request", server_label="docs", name="search", arguments='{"q": "umbrella"}'
)


@each("is_allowed", [True, False])
def test_a_call_the_service_would_make_itself_is_asked_by_the_same_question(is_allowed: bool) -> None:
    talk = script(*answered(REQUEST), begin=opened(), until=2.0)
    assert asked(talk) == (ToolAsk("mcpr_1", "search", '{"q": "umbrella"}', server="docs"),)
    talk.at(3.0).tell(on.ToolAllowed("mcpr_1") if is_allowed else on.ToolDenied("mcpr_1"))
    (sent,) = (one.what.item for one in talk.items("tool"))
    assert (sent.type, sent.approval_request_id, sent.approve) == ("mcp_approval_response", "mcpr_1", is_allowed)
    assert talk.of(RunTool) == []
    assert talk.times(ResponseCreate) == []  # the service goes on by itself


def test_an_approval_for_the_rest_of_the_talk_is_for_that_server_alone() -> None:
    other = replace_item(REQUEST, id="mcpr_2", server_label="elsewhere")
    again = replace_item(REQUEST, id="mcpr_3")
    talk = script(*answered(REQUEST), at(2.0, on.ToolAllowed("mcpr_1", True)), begin=opened(), until=3.0)
    talk.at(3.0).tell(created("r2")).at(4.0).tell(done("r2", output=(again, other)))
    assert [one.what.item.approval_request_id for one in talk.items("tool")] == ["mcpr_1", "mcpr_3"]
    assert [ask.call_id for ask in asked(talk)] == ["mcpr_2"]


def replace_item(item: Item, *, id: str, server_label: str | None = None) -> Item:
    """The same request by another name."""
    label = server_label or item.server_label
    return Item(id=id, type=item.type, server_label=label, name=item.name, arguments=item.arguments)


def test_tools_that_come_while_talking_are_told_in_the_smallest_update() -> None:
    begin = replace(BEGIN, wishes=replace(BEGIN.wishes, tools=(), session={"tools": [MINE]}))
    offered = on.ToolsOffered((ASKED,), (LOOK,))
    talk = script(at(1.0, offered), at(1.1, offered), at(2.0, wire(wires.SessionUpdated(session={}))), begin=begin)
    (update,) = talk.of(SessionUpdate)
    assert update.time == 1.0
    assert update.what.session == {"type": "realtime", "tools": [MINE, LOOK]}
    assert talk.state.wishes.tools == (ASKED,)
    free = on.ToolsOffered((on.ToolOffer("look", "always"),), (LOOK,))
    talk.at(40.0).tell(free).at(60.0)
    assert (talk.state.wishes.tools, len(talk.of(SessionUpdate))) == (free.offers, 1), "only what is asked has changed"


def test_tools_that_are_there_before_the_line_travel_with_the_first_configuration() -> None:
    begin = State(wishes=Wishes(session={"tools": [MINE]}))
    talk = script(at(0.0, on.ToolsOffered((ASKED,), (LOOK,))), begin=begin)
    assert talk.of(SessionUpdate) == []
    assert talk.state.wishes.session["tools"] == [MINE, LOOK]


def test_tools_that_come_while_the_line_is_being_made_are_told_when_it_is_up() -> None:
    """A handshake that carries the session left without them; a slow MCP server must not lose its tools by that."""
    begin = State(wishes=Wishes(session={"tools": [MINE]}))
    events = (at(0.0, on.ConnectWanted()), at(0.5, on.ToolsOffered((ASKED,), (LOOK,))))
    talk = script(*events, at(1.0, on.LineOpened(1, configured=True)), begin=begin, until=2.0)
    (asked,) = talk.of(Connect)
    assert asked.what.session["tools"] == [MINE]
    (update,) = talk.of(SessionUpdate)
    assert (update.time, update.what.session) == (1.0, {"type": "realtime", "tools": [MINE, LOOK]})


def test_what_a_remote_server_offers_is_noted_and_so_is_that_it_could_not_be_listed() -> None:
    item = Item(id="l1", type="mcp_list_tools", server_label="docs", tools=({"name": "search"}, {"name": "read"}))
    talk = script(
        at(1.0, wire(wires.ConversationItemDone(item=item))), at(2.0, wire(wires.McpListToolsFailed())), begin=BEGIN
    )
    notes = [one.what for one in talk.news(on.Noticed)]
    assert [note.level for note in notes] == ["info", "warning"]
    assert notes[0].text == "MCP server docs is there: search, read."


def test_a_model_that_never_stops_calling_is_not_asked_for_ever() -> None:
    talk = script(at(0.0, on.TextEntered("Go.")), begin=BEGIN)

    def let_it_call(times: int) -> int:
        before, at_once = len(talk.of(ResponseCreate)), float(int(talk.now) + 1)
        for number in range(times):
            now, name = at_once + number, f"{at_once:.0f}-{number}"
            item = call(f"c{name}", "add")
            talk.at(now).tell(
                created(f"r{name}"), wire(wires.ResponseOutputItemAdded(response_id=f"r{name}", item=item))
            )
            talk.at(now + 0.5).tell(done(f"r{name}", output=(item,)), on.ToolFinished(f"c{name}", "1"))
            if len(talk.of(ResponseCreate)) - before <= number:
                return number + 1
        return times

    assert let_it_call(60) == MOST_ROUNDS
    assert talk.notices[-1] == "tools_in_a_row"
    talk.at(talk.now + 60.0)
    asked = len(talk.of(ResponseCreate))
    talk.tell(on.AgainPressed())
    assert len(talk.of(ResponseCreate)) == asked + 1
    assert let_it_call(5) == 5
    talk.tell(on.TextEntered("Go on."))
    assert 0 <= let_it_call(60) - MOST_ROUNDS <= 1, "one was asked for already"
