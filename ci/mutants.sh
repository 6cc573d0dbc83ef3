#!/usr/bin/env bash
# Breaks the source in a list of ways, one at a time, and shows that the tests notice each.
#
# A line of the list names the file in `src`, the text to replace (it occurs exactly once), the new text, and the promise
# that breaks. In the texts, `\n` stands for a newline. With an argument, the script takes only the lines whose promise
# contains it. With `--within SECONDS`, it takes as many as there is time for, in a random order. `cargo mutants` makes
# many more by itself. It also makes these, which need no test:
#
# - `Exit::on_error`, `Verdict::from(())` and `Store::empty` of a `Vec` replaced by what they do already;
# - a `poll_enters` that always returns `true`: the poll then looks for a held member once more, and finds none.
set -euo pipefail
cd "$(dirname "$0")/.."
within=
if [ "${1:-}" = --within ]; then within=$2 && shift 2; fi
work=$PWD/target/mutants
rm -rf "$work/src" "$work/tree"
mkdir -p "$work/tree"
cp -r Cargo.toml Cargo.lock ./*.md benches examples src tests "$work/tree"
cp -r src "$work/src"
cd "$work/tree"
sed -i '/^\[workspace\]/,/^$/ { /members/d }' Cargo.toml
rm -rf tests/ui tests/ui.rs tests/examples.rs tests/executors.rs tests/load.rs tests/schedules.rs
export CARGO_TARGET_DIR=$work/.. RUST_BACKTRACE=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=1

run_tests() {
    # The tests that notice most come first, so that the others need not be built then. The limit of time is for the tests,
    # not for their build.
    for test in plans observe many panics shield shield_panics; do
        cargo test --quiet --no-run --test "$test" && timeout 100 cargo test --quiet --test "$test" || return 1
    done
    cargo test --quiet --no-run --lib --tests && timeout 100 cargo test --quiet --lib --tests
} >"$work/log" 2>&1

run_tests || { tail -n 40 "$work/log"; echo "the tests fail without a mutant" >&2; exit 1; }

list() {
    cat <<'LIST'
slot.rs~                state.set(State::Held(Held::new(value)));~                state.set(State::Gone); value.abandon_resource();~3: a ready enter is held
slot.rs~unwind::catch(|| value.abandon_resource())~unwind::catch(|| drop(value))~15: held resources are abandoned
slot.rs~                // Empty while the future is made~                value.abandon_resource(); return; // Empty while the future is made~8: held resources are exited
slot.rs~                state.set(State::ExitFault(error));~                drop(error); state.set(State::Gone);~10: an exit's error is kept
slot.rs~                state.set(State::EnterFault(error));~                drop(error); state.set(State::Gone);~5: an enter's error is kept
machine/outcome.rs~            Self::Failed(_) => ExitCase::Failed,~            Self::Failed(_) => ExitCase::Completed,~9: exits receive Failed if the body failed
machine/outcome.rs~            Self::EnterFailed | Self::ShownEnterFailed(_, None) => ExitCase::EnterFailed,~            Self::EnterFailed | Self::ShownEnterFailed(_, None) => ExitCase::Failed,~5: exits of a failed group receive EnterFailed
machine/outcome.rs~            Self::Cancelled => ExitCase::Cancelled,~            Self::Cancelled => ExitCase::Failed,~14: exits of a cancelled group receive Cancelled
machine/enter.rs~        let mut entering = pending || in_flight.get() > 0;~        let mut entering = in_flight.get() > 0;\n        let _ = pending;~4: the body waits for every enter
policy.rs~impl Rollback for RunOn {}~impl Rollback for RunOn {\n    const EAGER: bool = true;\n}~5: the enters of a failed group run on first
policy.rs~    const EAGER: bool = true;~~5: eager_rollback does not wait
machine/enter.rs~            *entering &= !P::FAIL_FAST;~~5: fail_fast does not wait
machine/enter.rs~            let _ = members.visit(0, &mut CutEnters { all: P::FAIL_FAST, panic, observer: parts.observer });~~5: fail_fast drops the pending enters
machine/enter.rs~        if P::FAIL_FAST && self.failed {~        if false {~2: under fail_fast no enter is polled after one that failed
machine/enter.rs~            Phase::Queued if index >= self.parts.enter_limit.max() && self.failed => false,~~6: queued members of a failed group never start
machine/enter.rs~if (P::FAIL_FAST || P::EnterLimit::LIMITED) && ~if P::FAIL_FAST && ~6: queued members of a failed group are dropped at once
machine/enter.rs~Phase::Queued => self.parts.enter_limit.has_room(),~Phase::Queued => true,~6: at most n enters in flight
machine/enter.rs~        self.count().end();\n        self.tell(if held~        self.tell(if held~6: a panic in an enter frees its place
machine/exit.rs~let has_room = self.policy.limit().has_room();~let has_room = true;~13: at most n exits in flight
machine/exit.rs~                self.count().end();\n                if Ms::Kind::DRIVEN {~                if Ms::Kind::DRIVEN {~13: a panic in an exit frees its place
machine/exit.rs~            if !X::Limit::LIMITED || !held_back || !self.policy.limit().has_room() {~            if held_back || true {~13: a place that becomes free late is used at once
group.rs~        let last = self.turn.is_none_or(|(_, highest)| highest <= rank);~        let last = self.turn.is_none_or(|(_, highest)| highest > rank);~12: last entered first
group.rs~        let last = self.turn.is_none_or(|(_, highest)| highest <= rank);~        let last = self.turn.is_none_or(|(_, highest)| highest < rank);~12: in_reverse, last argument first
policy.rs~impl Order for InReverse {\n    const STACK: bool = true;\n    type Rank = ();~impl Order for InReverse {\n    const STACK: bool = true;\n    type Rank = usize;~12: in_reverse, whatever entered first
policy.rs~impl Order for InReverse {\n    const STACK: bool = true;~impl Order for InReverse {\n    const STACK: bool = false;~12: in_reverse, one at a time
slot.rs~        *this.rank = rank;~~12: the order of entering is kept while the body runs
group/vec.rs~S::held(value, S::Rank::get(&ranks, index), *this.release)~S::held(value, S::Rank::default(), *this.release)~12: the order of entering is kept while the body runs, in a Vec
machine/exit.rs~                    self.next(ExitCase::Completed);~~12: after Suppress the rest receive Completed
machine/exit.rs~                    self.next(ExitCase::Failed);~~12: after an exit's error the rest receive Failed
machine/exit.rs~                    self.next(ExitCase::Panicked);~~12: after an exit's panic the rest receive Panicked
machine/exit.rs~        if let ExitCase::Completed | ExitCase::Failed = self.course.case {~        if true {~12: EnterFailed, Cancelled and Panicked stay
machine/exit.rs~                    if self.course.case == ExitCase::Failed {~                    if true {~12: only an exit that received Failed suppresses the error
machine/exit.rs~= (self.shown, self.course.suppressed)~= (self.shown, false)~12: an error that was suppressed is not shown any more
machine/outcome.rs~            Answer::Propagate => Self::Propagate,~            Answer::Propagate => Self::Neutral,~11: a member that propagates counts
machine/outcome.rs~    /// An exit answered `Suppress`.\n    Suppress,\n    /// An exit answered `Propagate`.\n    Propagate,~    Propagate,\n    Suppress,~11: one that propagates is enough
machine/outcome.rs~    Propagate,\n    /// In a stack: an exit that received `Failed` answered `Suppress`.\n    Suppressed,~    Suppressed,\n    Propagate,~12: what a stack has suppressed stays so
machine/outcome.rs~    Suppressed,\n    /// An exit failed.\n    Failed,~    Failed,\n    Suppressed,~10: a stack that has suppressed an error fails by an exit
machine/outcome.rs~            Answers::Neutral => Self::Neutral,~            Answers::Neutral => Self::Suppress,~11: without a member nothing is suppressed
machine/outcome.rs~            Answers::Neutral => Self::Neutral,~            Answers::Neutral => Self::Propagate,~11: an empty nested group does not count
machine/outcome.rs~            Answers::Propagate | Answers::Failed => Self::Propagate,~            Answers::Propagate | Answers::Failed => Self::Neutral,~11: a nested group counts as its members
entered.rs~    fn exit_in_group(self, case: ExitCase) -> impl Exiting<Error = Self::Error> {\n        exit_all(self, case)\n    }~~11: an empty nested group answers neither way
machine/exit.rs~                self.course.answers = Answers::Failed;~~10: a failed exit makes the gather fail
machine/exit.rs~self.course.answers.max(answers)~answers~10: a failed exit is not forgotten
machine/outcome.rs~if answers == Answers::Failed || panic.is_some() || matches!~if answers == Answers::Failed || matches!~10: no error is lost beside a panic
machine/enter.rs~if let Self::Body(_) = self {~if let Self::Body(_) | Self::Fail(_) = self {~14: a failed group stays failed
machine.rs~            state.as_mut().poll_stop(&mut parts, cx);~~14: stop is polled
machine/enter.rs~        let _ = members.visit(0, &mut CutEnters { all: !settle, panic, observer });~~14: pending enters are dropped
machine/enter.rs~        let _ = members.visit(0, &mut CutEnters { all: !settle, panic, observer });~        let _ = members.visit(0, &mut CutEnters { all: true, panic, observer });~14: with settle no pending enter is dropped
machine/enter.rs~        let _ = members.visit(0, &mut CutEnters { all: !settle, panic, observer });~        if !settle {\n            let _ = members.visit(0, &mut CutEnters { all: true, panic, observer });\n        }~14: with settle queued members never start
machine/enter.rs~        if !settle {\n            // The next sweep~        if true {\n            // The next sweep~14: with settle the pending enters are waited for
machine/enter.rs~CutEnters { all: !settle, panic, observer }~CutEnters { all: !settle && matches!(next, Next::Body(_)), panic, observer }~14: a stop drops the pending enters of a failed group
policy.rs~    const SETTLE: bool = true;~~14: settle is a policy
machine/enter.rs~                    exits = Exits::of(Ending::EnterFailed, case);~                    exits = Exits::new(Ending::EnterFailed);~14: with settle exits receive Cancelled although an enter fails after the stop
machine/enter.rs~if P::SETTLE && case == ExitCase::Cancelled && any_failed(members.as_mut()) {~if false && any_failed(members.as_mut()) {~14: with settle an enter error after the stop is the cause
machine/outcome.rs~        if let Self::Panicked | Self::EnterFailed = self {~        if let Self::Panicked | Self::EnterFailed | Self::Cancelled = self {~14: with settle an enter error after the stop is shown to no exit
machine/body.rs~if ends && is_cancel(cx.waker()) {~if false {~14: the caller's waker is not mistaken
machine/enter.rs~            parts.stop.as_mut().clear(panic);~~14: stop is dropped when no enter is pending
machine/enter.rs~!(has_body && matches!(next, Next::Body(_)))~!matches!(next, Next::Body(_))~14: stop is dropped when a nested group has entered
machine/enter.rs~if P::Stop::ENABLED && !entering && ~if P::Stop::ENABLED && ~14: stop is not dropped while an enter is pending
machine.rs~        parts.stop.as_mut().clear(panic);~~14: stop is dropped when the body has ended
machine/enter.rs~            parts.stop.as_mut().clear(panic);\n            if panic.is_some() {~            parts.stop.as_mut().clear(panic);\n            if false {~17: after a panic of stop's destructor the exits receive Panicked
machine/exit.rs~        panic.drop(mem::replace(&mut self.ending, Ending::Panicked));~~17: the same after the body
machine/exit.rs~        self.course.case = ExitCase::Panicked;~~17: exits receive Panicked if the stop panics after the body
machine/exit.rs~        let Self { ending, course } = self;~        let Self { ending, course } = self;\n        course.case = ending.case();~9: the case is decided when the first exit begins
policy.rs~        this.0.clear(panic);\n~~14: both are dropped if cancel_on is called twice
policy.rs~        panic.guard(&mut || this.1.set(Signal::Over));~        this.1.set(Signal::Over);~17: a panic of stop's destructor is kept
machine/enter.rs~        panic.join(cause);~        drop(cause);~16: a panic of stop is kept while members enter
machine.rs~        self.project().policy.parts().stop.clear(&mut first);~~17: the same if the gather is dropped
machine/exit.rs~                self.cursor.step = Step::Shown;\n                index\n~                self.cursor.step = Step::Shown;\n                index + 1\n~16: after a panic of on_error the exit runs
machine/recover.rs~            show();\n        }\n~            show();\n        } else {\n            let _ = unwind::catch(show);\n        }\n~16: after a panic of on_error it is not called again
machine/recover.rs~        self.step = Step::Exit;~~16: a panic in the exit after on_error is the exit's
machine/enter.rs~                *case = ExitCase::Panicked;~~16: exits receive Panicked after a panic in an enter
machine/enter.rs~let case = if stopped && panic.is_some() { ExitCase::Panicked } else { *case };~let case = *case; let _ = stopped;~16: exits of a stopped group receive Panicked after a panic in an enter
machine/body.rs~            others.drop(output);\n~            others.drop(output);\n            drop(caught);\n            return Poll::Pending;\n            #[allow(unreachable_code)]\n            let caught = unwind::catch(|| ()).unwrap_err();\n~16: a panic of the body is not lost
machine/body.rs~            state.set(BodyState::Ended);\n        });~        });~17: a panic of the body's destructor is kept
machine/body.rs~            others.guard(&mut || state.set(BodyState::Ended));~~17: so is one of its destructor beside it
machine/enter.rs~            exits.choose_shown(members.as_mut());~~5: exits of a failed group are shown an error
machine/exit.rs~        let Self { ending, course } = self;~        if self.ending.shown().is_none() {\n            self.choose_shown(members.as_mut());\n        }\n        let Self { ending, course } = self;~5: only an error known when the exits begin is shown
machine/outcome.rs~            Self::ShownPanicked(error) | Self::ShownEnterFailed(error, _) => Some(error),~            Self::ShownEnterFailed(error, _) => Some(error),~5: after a panic in an enter they are shown it too
slot.rs~state.project_replace(State::Lent)~state.project_replace(State::Gone)~5: the error that is shown is in the failure
slot.rs~            _ => lent.take(),~            _ => None,~5: the error that is shown comes back
slot.rs~(matches!(state, StateProj::EnterFault(_) | StateProj::Lent), ~(matches!(state, StateProj::EnterFault(_)), ~20: room for the error that is shown
machine/enter.rs~ && any_held(members.as_mut()))~)~5: with eager_rollback the first exit begins when a member is held
machine/enter.rs~                self.entered |= held;\n                // An~                // An~5: with eager_rollback a member that enters later begins the exits
machine/enter.rs~        self.entered |= held;\n        self.count()~        self.count()~5: so does one that is held although its enter panicked
machine/enter.rs~        *may_begin |= matches!(next, Next::Body(_));~~5: so do those that were held before
machine.rs~        if polled.is_pending() || (P::EAGER && *exits.entering()) {~        if polled.is_pending() {~5: with eager_rollback it ends when the last enter has
machine/enter.rs~                members.begin_exits();~~20: with eager_rollback, members of many wait for their exit
machine/enter.rs~        let _ = self.project().members.visit(0, &mut ClearSlots { panic, observer });~~17: no destructor is skipped in enter
machine/exit.rs~        let _ = self.project().members.visit(0, &mut ClearSlots { panic, observer });~~17: nor in exit
machine/exit.rs~            phase.clear(&mut Unobserved, panic);~~17: nor in the exit of a nested group
machine/recover.rs~            Self::From(first) => !waits && index >= first,~            Self::From(_) => !waits,~22: with fair, each is polled once
machine/recover.rs~            Self::Below(first) => !waits && index < first,~            Self::Below(_) => false,~22: with fair, the poll goes around
machine/recover.rs~            Self::From(first) => !waits && index >= first,~            Self::From(first) => index >= first,~22: with fair, members start in argument order all the same
machine/recover.rs~            self.pass = Pass::From(first());~            self.pass = Pass::From(0);~22: with fair, each poll starts one further
machine/recover.rs~        if let Pass::All = self.pass {~        {~22: a panic does not make it go further
policy.rs~    let next = if *at + 1 < len { *at + 1 } else { 0 };~    let next = *at + 1;~22: after the last comes the first
policy.rs~        rotate(&mut self.exits, len)~        rotate(&mut self.enters, len)~22: enters and exits rotate separately
group.rs~            values.abandon();~            drop(values);~15: a dropped group is abandoned
entered.rs~        (**self).show(error);~~on_error is passed on
entered.rs~values.hold(ranks, P::CALLER_WAKER)~values.hold(ranks, false)~20: a group that was entered keeps caller_waker
cycle.rs~            Poll::Ready(Err((failure, Some(value)))) => Poll::Ready(Ok(((value, failure.exits), Answer::Propagate))),~            Poll::Ready(Err((failure, Some(_)))) => Poll::Ready(Err((failure, None))),~keep_value returns the value beside the errors of exits
failure.rs~            self.cause = Cause::panicked(caught);~            drop(caught);~17: a panic of the body's value is not lost
failure.rs~if !catch {~if true {~16: it comes back as a value
adapters.rs~        if let Poll::Ready(error) = this.deadline.poll(cx) {\n            *this.late = Some(error);\n        }~~a deadline ends what is late
adapters.rs~            Poll::Ready(result) => Poll::Ready(result),\n            Poll::Pending => this.late.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error))),~            Poll::Ready(result) if this.late.is_none() => Poll::Ready(result),\n            _ => this.late.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error))),~22: a member that is ready in the same poll as its deadline wins
adapters.rs~        unwind::in_turn(|| value.abandon_resource(), || drop(deadline));~        drop((value, deadline));~an adapter passes abandon on
adapters.rs~        unwind::in_turn(|| abandon.abandon(value), || drop(exit));~        drop((abandon, value, exit));~abandon_with is called
adapters.rs~            Some(abandon) => abandon(value),~            Some(_) => drop(value),~abandon_with is called for exit_boxed
adapters.rs~        Beside((self.exit)(self.value, case), self.abandon)\n    }\n\n    fn lend_value~        drop(self.abandon);\n        (self.exit)(self.value, case)\n    }\n\n    fn lend_value~17: abandon_with's closure is dropped with the exit
unwind.rs~    first.guard(&mut || one.take().map_or((), |one| one()));\n    first.guard(&mut || other.take().map_or((), |other| other()));~    one.take().map_or((), |one| one());\n    other.take().map_or((), |other| other());~17: the second is dropped although the first panics
unwind.rs~            None => self.0 = Some(ManuallyDrop::new(caught)),~            None => caught.discard(),~16: the first panic goes on
unwind.rs~if thread::panicking() { self.discard() } else { self.resume() }~self.resume()~17: no abort while unwinding
policy.rs~        *self += 1;~~12: the order of entering is kept
policy.rs~        self.in_flight -= 1;~~6, 13: a place that has become free is used
policy.rs~        self.in_flight < self.max~        self.in_flight <= self.max~6, 13: not one more
policy.rs~        match this.0.poll_stop(cx) {\n            Poll::Ready(()) => Poll::Ready(()),~        match this.0.poll_stop(cx) {\n            Poll::Ready(()) => Poll::Pending,~14: the first of two may cancel the group
policy.rs~const CATCH: bool = true;~const CATCH: bool = false;~16: a panic comes back as a value
errors.rs~        self.push((index, error));~        self.push((self.len(), error));~10: each error has its index in a Vec
errors.rs~        self.reserve_exact(errors);~        let _ = errors;~20: as many allocations for many errors
failure.rs~            Cause::Body(error) if self.suppressed => Ok(error),~            Cause::Body(error) => Ok(error),~11: what was not suppressed is a failure
machine.rs~        let ExitProj { mut members, exits, panic } = state.as_mut().exits();~        if let StateProj::Done = state.as_mut().project() {\n            return Poll::Pending;\n        }\n        let ExitProj { mut members, exits, panic } = state.as_mut().exits();~18: polled after its end, a clear panic
machine/recover.rs~        self.0.as_mut().clear(&mut FirstPanic::none());~~15: held resources are abandoned if a panic gets out
machine/recover.rs~            self.come_to = index + 1;~            self.come_to = index + 2;~16: a panic is that of the member whose code runs
machine/recover.rs~            slot.set_rank(self.rank.next());~~12: a member that is held although its enter panicked has its turn
machine/enter.rs~        members.note(index);~~20: of many, such a member waits for its exit
machine/recover.rs~        slot.cut(self.panic);~~16: what has panicked is over
machine/recover.rs~            self.come_to = 0;~            let _ = 0;~16: a panic of the caller's waker is no member's
slot.rs~                state.set(State::Gone);\n                state.set(State::Exiting((this.release)(value, case)));~                state.set(State::Exiting((this.release)(value, case)));~16: an exit that cannot be made has had its resource
unwind.rs~            Some(_) => caught.discard(),~            Some(_) => caught.resume(),~16: a second panic is dropped
unwind.rs~            if let Err(another) = catch(|| first = None) {~            if let Err(another) = Ok::<(), Caught>(first = None) {~17: a payload's destructor may panic
group/array.rs~first.guard(&mut || value.show_error(error))~value.show_error(error)~17: an on_error that panics hides the error from no other
group/tuple.rs~first.guard(&mut || self.$i.show_error(error));~self.$i.show_error(error);~17: the same in a tuple
group/vec.rs~first.guard(&mut || value.show_error(error))~value.show_error(error)~17: the same in a Vec
group/vec.rs~let many = if caller_waker { None } else { Many::new(slots.len()) };~let _ = caller_waker;\n        let many = Many::new(slots.len());~20: caller_waker passes on the caller's waker
group/vec.rs~        this.many.iter_mut().for_each(Many::begin_exits);~~20: members of many wait for their exit after the body
group/vec.rs~            many.forget_parent();~            let _ = many;~20: no waker is kept while the body runs
machine.rs~            members.as_mut().forget_parent();\n        }\n        let Next::Body(after)~        }\n        let Next::Body(after)~20: no waker is kept while the body runs
machine/outcome.rs~unwind::catch(|| members.forget_parent())~unwind::catch(|| drop(members))~17: a panic of the caller's waker is kept at the end
wake.rs~(len > FEW).then~(len > 3).then~2: a few are polled with the caller's own waker
group.rs~    fn get(self) -> usize {\n        self\n    }~    fn get(self) -> usize {\n        0\n    }~20: of many, those that were not woken are waited for
wake.rs~(len > FEW).then~(len > 64).then~20: of many, only woken members are polled
wake.rs~let Some(index) = woken.or(begin) else { return };~let Some(index) = begin.or(woken) else { return };~20: in argument order
wake.rs~                from = index + 1;~                from = if woken.is_none() { index + 1 } else { from };~20: a place is not given to one that the sweep has passed
wake.rs~Phase::Entering | Phase::Exiting => self.awake.keep(index),~Phase::Entering | Phase::Exiting => self.awake.pass(index),~20: a wake for the other sweep is kept
wake.rs~                    self.cursor = index + 1;~                    self.cursor = index + 2;~20: members that wait are not forgotten
wake.rs~            if from <= self.cursor {~            if true {~20: a sweep that starts behind a member that waits does not pass it
wake.rs~(self.exiting, self.cursor) = (true, 0);~self.exiting = true;~20: all held members wait for their exit
wake.rs~self.late.insert(index, self.awake.capacity());~let _ = (&mut self.late, self.awake.capacity());~20: a member held late waits for its exit
wake.rs~return Some(at * BITS + bits.trailing_zeros() as usize);~return Some(at * BITS + bits.ilog2() as usize);~20: members held late exit in argument order
wake.rs~let mut mask = !0 << (from % BITS);~let mut mask = !0;~20: a member held late waits for the next sweep if this one has passed it
wake.rs~                mask = !0;~~20: each of many that are held late is found
wake.rs~                stack.push((rank, index));~~12: of many, a member that enters late has its turn
wake.rs~                stack.push((rank, index));~                stack.push((rank.max(usize::MAX), index));~12: of many, a member that enters late has its turn by the order
wake.rs~                stack.push((rank, index));~                stack.push((rank.min(0), index));~12: of many, a member that enters late in a stack is the last that entered
wake.rs~            if phase(slots, self.turn) != Phase::Exiting {~            let _ = slots;\n            if true {~12: of many, one after the other
wake.rs~                        held.push((slot.rank().number(), index));~                        held.push((0, index));~12: of many, last entered first
wake.rs~                        held.push((slot.rank().number(), index));~                        held.push((usize::MAX - slot.rank().number(), index));~12: of many, the first comes last
wake/awake.rs~            self.hint = woken.hint;\n~~20: the hint is not lost
wake/awake.rs~!woken.more && woken~woken~20: members in the set are not lost
wake/awake.rs~            self.kept = Some(first);\n~~20: a hint that is not wanted yet is kept
wake/awake.rs~(self.walking && self.walk.end(set)) | woken.more~self.walking | woken.more~20: a walk that is left puts back what it has taken
wake/awake.rs~self.hint.into_iter().chain(walked).min()~self.hint.or(walked)~20: the hint comes in argument order
wake/set.rs~        self.kept |= bits & !self.levels[0].1;~~20: who is kept stays in the set
wake/set.rs~let next = *at * BITS + bits.trailing_zeros() as usize;~let next = *at * BITS + bits.ilog2() as usize;~20: the next in argument order
wake/set.rs~        if before != 0 {~        if false {~20: who comes before the start stays in the set
wake/block.rs~                    state.with_more()~                    state~20: further wakes are not lost
wake/block.rs~parent.step(state, state.end_use(slot))~parent.step(state, state)~20: a use of the parent's waker ends
wake/block.rs~            if state.is_last_of_stale(slot) && stale.is_none() {~            if false {~20: the last user drops a parent that was forgotten
wake/block.rs~            drop(user);~            mem::forget(user);~20: a use of the parent's waker ends, told by its guard
wake/block.rs~None => new.wake(),~None => drop(new),~20: a parent that finds no slot is woken
wake/block.rs~        drop([0, 1].map(take));~        let _ = take;~20: the parent is let go
wake/state.rs~        Self(self.0 & NO_HINT & !MORE)~        Self(self.0 & NO_HINT)~20: a poll for nothing looks at nothing
wake/state.rs~(slot * SLOT) | KEPT | REGISTERED)~(slot * SLOT) | KEPT)~20: a member that is woken wakes the gather
wake/state.rs~(Self((self.0 & !REGISTERED) + (1 << USERS[slot])), Some(slot))~(Self(self.0 + (1 << USERS[slot])), Some(slot))~20: once is enough to wake the gather
wake/state.rs~        (Self((self.0 & !REGISTERED) + (1~        (Self((self.0 & !REGISTERED) + (0~20: a slot that is in use is not overwritten
wake/state.rs~Some(hint) => (hint == index).then_some(self),~Some(_) => Some(self),~20: the hint is one member alone
policy.rs~        panic.guard(&mut || observer.tell(event));~        let _ = (panic, observer, event);~the observer receives events
machine/enter.rs~self.count().end();\n        self.tell(if held { Event::Entered { index } } else { Event::EnterFailed { index } });~self.count().end();\n        self.tell(Event::Entered { index });~the observer receives EnterFailed after a panic in an enter
machine/exit.rs~tell(self.observer, self.panic, Event::ExitFailed { index });\n                if X::STACK {~if X::STACK {~the observer receives ExitFailed after a panic in an exit
machine/enter.rs~leaves no way to the body.\n            if panic.is_some() {~leaves no way to the body.\n            if false {~a panic of the observer is not lost
policy.rs~unwrap_or(index + 1)~unwrap_or(0)~12: what was pushed to a stack entered last
machine/enter.rs~        *in_flight = Ms::Number::default();~        let _ = in_flight;~14: a group that is stopped waits for no enter that was dropped
shield.rs~        if !mem::take(this.polled) {~        let _ = mem::take(this.polled);\n        if false {~shield S1: no spawner is called before the first poll
machine/hand_over.rs~        if !tell.any {~        if false {~shield S1: no spawner is called if nothing is left
machine/hand_over.rs~any: panic.is_some(),~any: false,~shield S1: a panic that nobody has seen is handed over
machine/hand_over.rs~        self.any |= slot.has_faults() != (false, false);~        let _ = slot;~shield S1: an error that nobody has seen is handed over
machine/hand_over.rs~CutEnters { all: !Ms::ENTERS, ~CutEnters { all: true, ~shield S2: with settle, pending enters go on
machine/hand_over.rs~in_flight: *in_flight~in_flight: Ms::Number::default()~shield S2: with settle, the exits wait for the enters
machine/hand_over.rs~        next.fail(ExitCase::Cancelled, &mut dropped);~        next.fail(ExitCase::EnterFailed, &mut dropped);~shield S2: held resources receive Cancelled
policy.rs~    const ENDS_BODY: bool = true;~    const ENDS_BODY: bool = false;~shield S3: the body is dropped, and its values are exited
slot.rs~            StateProj::Exiting(exit) => Some(State::Exiting(L::move_exit(exit))),~~shield S4: exits in flight go on
machine/hand_over.rs~rank: *rank,~rank: Ms::Rank::default(),~shield S4: a member that settles has entered last
machine/exit.rs~let mut course = self.course;~let mut course = Course { in_flight: N::default(), ..self.course };~shield S4: exits in flight keep their place
group/vec.rs~moved.collect()), release: *this.release, many: this.many.take()~moved.collect()), release: *this.release, many: None~shield S4, 20: of many, only who was woken is polled after the drop
machine/hand_over.rs~        panic.guard(&mut || members.as_mut().forget_parent());~~shield S4, 20: nothing keeps the waker of the dropped task
shield.rs~if exits.is_empty() => Ok(()),~if exits.is_empty() && false => Ok(()),~shield S5: a drop alone is no failure
slot.rs~            (None, StateOwn::ExitFault(error)) => State::ExitFault(error),~~shield S5: exit errors from before the drop are reported
slot.rs~            (None, StateOwn::Lent) => State::Lent,~~shield S5: an enter error that the exits were shown is reported
shield.rs~        mem::replace(&mut self.0, FirstPanic::none()).resume_in_drop();~        mem::replace(&mut self.0, FirstPanic::none()).resume();~shield S7: a spawner that panics in an unwinding drop does not abort
shield.rs~                this.panic.0.keep(caught);~                caught.resume_in_drop();~shield S7: nor do a spawner and the destructor of an observer
machine/exit.rs~        if panic.is_some() {\n            course.case = ExitCase::Panicked;~        if false {\n            course.case = ExitCase::Panicked;~shield S8: exits that wait receive Panicked
machine/hand_over.rs~        stop.clear(&mut dropped);~        let _ = stop;~shield S8: a panic in the destructor of stop travels with the cleanup
machine/hand_over.rs~            tell(self.observer, self.panic, Event::HandedOver { index });~            let _ = (index, &self.observer, &self.panic);~shield S9: the observer receives HandedOver
policy.rs~                *ready = polled.is_ready();~                *ready = false;~14: a stop that was ready is not polled again
policy.rs~SignalProj::Polled { future, ready } if !*ready => {\n                *ready = true;~SignalProj::Polled { future, ready } if !*ready => {\n                *ready = false;~14: a stop that has panicked is not polled again
machine.rs~            StateProj::Slots(phase) => phase.is_entering(),~            StateProj::Slots(phase) => phase.is_entering() && !P::SETTLE,~14: with settle, a stop is polled as long as it lives
machine/enter.rs~            self.as_mut().poll_drivers(parts, &mut entering, &mut may_begin, cx);~~driven D1: drivers are polled beside enters
machine.rs~        let body_first = drives && FairOf~        let drives = false && drives;\n        let body_first = drives && FairOf~driven D1: drivers are polled beside the body
machine.rs~            drives = false;\n~~driven D1: once in the poll in which the body starts
machine/exit.rs~            let _ = poll_held(members, observer, panic, cx);~            let _ = (members, observer, panic, cx);~driven D1: drivers are polled while their members wait for their exits
machine.rs~if first.is_some() { Poll::Pending } else { poll_block(true, block, cx) };~Poll::Pending;\n        let _ = block;~driven D4: the body is polled once more
machine.rs~        let lost = lost && !panic.is_some();\n~~driven D9: a panic wins over a loss
machine/outcome.rs~        } else if slot.as_mut().is_lost() {~        } else if false {~driven D4: the errors of all drivers are the cause
machine/enter.rs~            self.fail(ExitCase::Lost, parts, entering, may_begin);~            let _ = (entering, may_begin);~driven D5: a driver that fails beside enters fails the group
machine/outcome.rs~                    exits = exits.merge(lost, panic);~                    panic.drop(lost);~driven D5: the errors of drivers stand beside those of enters
driven.rs~Poll::Ready(this.driver.take_error().map_or(result, Err))~Poll::Ready(result)~driven D6: the error of a driver is that of the exit
driven.rs~            HandleExitProj::Ended(_) => *this.to_end && matches!(this.driver, Driver::Running(_)),~            HandleExitProj::Ended(_) => false,~driven D8: to_end waits for the driver
driven.rs~            first.drop(driver);~            drop(driver);~driven D9: a driver is dropped after its panic is kept
machine/drive.rs~Drove { ended: true, failed: true }~Drove { ended: true, failed: false }~driven D9: a driver that panics beside enters fails the group
driven.rs~        first.guard(&mut || this.exit.set(HandleExit::Over(FirstPanic::none())));~        let _ = &mut this.exit;~driven D10: an exit and its driver are dropped one by one
machine.rs~                all.clear(panic);\n~~driven D10: drivers are dropped one by one
slot.rs~lost: *this.lost }~lost: Default::default() }~driven D10: a lost member stays lost after a drop
entered.rs~    const DRIVEN_IN_GROUP: bool = V::DRIVEN;~    const DRIVEN_IN_GROUP: bool = false;~driven D11: an outer group drives a nested one
wake.rs~                    Phase::Held if S::Kind::DRIVEN => self.awake.keep(index),\n~~driven D12: a wake of a held member is for its driver
wake.rs~                self.awake.insert(index);\n~~driven D12: of many, a driver is polled in the poll of its enter
machine.rs~        if !Ms::Kind::DRIVEN {\n            members.as_mut().forget_parent();\n        }\n        let Next::Body(after)~        members.as_mut().forget_parent();\n        let Next::Body(after)~driven D12: a driver that is woken before the second poll of the body wakes the gather
wake.rs~                    Phase::Held if S::Kind::DRIVEN && begin == Some(index) => {~                    Phase::Held if S::Kind::DRIVEN && begin == Some(index) && false => {~driven D12: an exit that begins takes the wake of its driver
group/vec.rs~                many.drive_all();~                let _ = many;~driven D12: of many that were entered, every driver is polled first
machine/drive.rs~        tell(observer, panic, Event::DriverEnded { index });~        let _ = (observer, index);~driven D13: the end of a driver is told
machine/exit.rs~        if mem::take(&mut self.driver_ended) {~        if false {~driven D13: the end of a driver beside its exit is told
machine/exit.rs~                if Ms::Kind::DRIVEN {\n                    self.tell_driver(index);\n                }\n~~driven D13: the end of a driver that panics beside its exit is told
driven.rs~            first.join(mem::replace(panic, FirstPanic::none()));\n~            let _ = panic;\n~driven D9: a panic of a driver beside its exit counts as the exit's
driven.rs~        panic.guard(&mut || exit = handle.take().map(|handle| handle.release_resource(case)));~        exit = handle.take().map(|handle| handle.release_resource(case));~driven D6: the error of a driver is kept if its member's exit panics at once
driven.rs~            driver.poll(cx);\n~~driven D14: the driver is polled beside a step
machine.rs~let body_first = drives && FairOf::<P>::FAIR && parts.exits.fairness().body_first();~let body_first = false;~driven D15: the body has its turn
slot.rs~            StateProj::Held(Held(Some(value))) if L::Value::OPTIONAL && value.is_absent() => Phase::Over,\n~~24: an absent member has no exit
machine/enter.rs~!<S::Value as Resource>::OPTIONAL || slot.phase() == Phase::Held;~true;~24: the observer receives EnterFailed
machine/outcome.rs~        let _ = members.as_mut().visit(0, &mut ClearAbsent { panic });\n~~24: the error of an absent member is dropped with care
scope.rs~            self.scope.put(self.mark, value);~            drop(value);~scope P3: a guard gives its resource back
scope.rs~        self.next.index += 1;\n~~scope P4: no index is used twice
scope.rs~        self.next.rank += 1;\n~~scope P4: a stack knows the order of joining
group/scope.rs~        for (value, mark) in self.values.into_iter().zip(self.marks) {~        for (value, mark) in self.values.into_iter().zip(self.marks).rev() {~scope P10: a scope that is dropped abandons by index
scope.rs~        this.scope.events.push(Event::TakenOut { index: this.mark.index });\n~~scope: the observer receives TakenOut
scope.rs~let event = if self.calls { self.kind.panicked } else { self.kind.dropped };~let event = self.kind.dropped;~scope: an enter that panics has failed for the observer
scope.rs~        if !self.over {~        if false {~scope: the observer receives the drop of what the body polls
scope.rs~exit.end(if result.is_ok() { Event::Exited { index } } else { Event::ExitFailed { index } });~exit.end(Event::Exited { index });~scope: the observer receives ExitFailed of a release
scope.rs~        Self::exit(this, ExitCase::Completed)~        Self::exit(this, ExitCase::Cancelled)~scope P5: release exits with Completed
scope.rs~value.exit_resource(case)~value.exit_resource(ExitCase::Completed)~scope P5: exit passes its case on
scope.rs~            first.guard(&mut || value.show_error(error));~            let _ = (value, error);~scope P10: a scope alone shows errors
group/scope.rs~            self.events.push(Event::Abandoned { index: mark.index });~            let _ = mark;~scope: the observer receives Abandoned
group/scope.rs~            first.drop(Held::new(value));~            drop(Held::new(value));~scope P10: all are abandoned although one panics
scope.rs~        let index = self.next.index;~        self.marks.reserve(self.next.index);\n        let index = self.next.index;~scope P5: memory does not follow the index
machine/exit.rs~        if panic.is_some() {\n            self.panic(panic);\n            return None;~        if false {\n            return None;~scope P6: nothing is kept beside a panic
machine/exit.rs~members.as_mut().index(self.policy.fairness().first_exit(len))~self.policy.fairness().first_exit(len)~scope P4: fair exits take turns
machine.rs~        if F::KEEPS {~        if false {~scope P6: a body that succeeds keeps what has joined
machine.rs~            if first.is_some() {\n                polled = cancel_block(block);\n            }\n~~scope: an observer that panics ends the body
machine/body.rs~(S::ENDS_BODY || V::DRIVEN || V::GROWS)~(S::ENDS_BODY || V::DRIVEN)~scope: the body of a scope can be ended
group/scope.rs~self.inner.visit(self.marks[place].index, slot)~self.inner.visit(place, slot)~scope P4: errors have the indices of the scope
group/scope.rs~self.inner.poll(self.marks[place].index, slot, cx)~self.inner.poll(place, slot, cx)~scope: the observer receives the indices of the scope
group/scope.rs~this.slots.turn().map(|place| this.marks[place].index)~this.slots.turn()~scope P4: a large stack with sparse indices
group/scope.rs~S::Rank::from_number(mark.rank)~S::Rank::from_number(mark.index)~scope P4: a stack goes by the order of joining
group/scope.rs~        pairs.sort_unstable_by_key(|(mark, _)| mark.index);~        pairs.sort_unstable_by_key(|(mark, _)| mark.rank);~scope P4: the argument order is that of the indices
group/scope.rs~let filled = Self::new(joined, this.slots.release(), *this.caller_waker);~let filled = Self::new(joined, this.slots.release(), false);~scope P4: caller_waker
group/scope.rs~    marks.partition_point(|mark| mark.index < index)~    index~scope P4: an index is not a place
scope/boxes.rs~            H::on_error(value, error);~            let _ = (value, error);~scope: a box forwards on_error
scope/boxes.rs~            crate::unwind::in_turn(|| H::abandon(value), || drop(exit));~            drop((value, exit));~scope: a box forwards abandon
scope/boxes.rs~            self.set(Self::Exiting(exit(value, case)));~            let _ = case;\n            self.set(Self::Exiting(exit(value, ExitCase::Completed)));~scope: a box passes the case on
scope/boxes.rs~exit.poll(cx).map_ok(Into::into)~exit.poll(cx).map_ok(|_| Verdict::from(()))~scope: a box passes the verdict on
errors.rs~        self.reserve_exact(errors);~        self.reserve_exact(errors * 1000);~scope P14: memory follows the number of errors
slot.rs~Self { state: State::Held(Held::new(value)), rank, release, lost: Default::default() }~let _ = rank;\n        Self { state: State::Held(Held::new(value)), rank: T::default(), release, lost: Default::default() }~12: a group that was entered keeps the order of entering
group/tuple.rs~::held(self.$i, ranks[$i], $V::release_resource)~::held(self.$i, T::default(), $V::release_resource)~12: the same in a tuple
group/array.rs~ranks.next().unwrap_or_default()~{ let _ = ranks.next(); T::default() }~12: the same in an array
group/vec.rs~held(value, T::get(&ranks, index), V::release_resource)~held(value, { let _ = (&ranks, index); T::default() }, V::release_resource)~12: the same in a Vec
group/tuple.rs~this.$field.hold(values.$i, ranks[$i]);~this.$field.hold(values.$i, T::default());~12: the order of entering is kept while the body runs, in a tuple
group/array.rs~.hold(value, ranks[index]);~.hold(value, { let _ = ranks[index]; S::Rank::default() });~12: the order of entering is kept while the body runs, in an array
wake.rs~Phase::Queued | Phase::Held | Phase::Over => self.awake.pass(index),~Phase::Queued | Phase::Held | Phase::Over => self.awake.keep(index),~20: a late wake of an enter polls no exit
machine.rs~                panic.keep(caught);\n~                panic = FirstPanic::none();\n                panic.keep(caught);\n~16: the body's destructor does not replace the panic that has ended the body
machine/enter.rs~        panic.join(cause);~        if cause.is_some() {\n            *panic = cause;\n        }~16: a panic of stop does not replace that of an enter
machine/hand_over.rs~        panic.join(dropped);~        if dropped.is_some() {\n            *panic = dropped;\n        }~16: a panic of the drop does not replace an earlier one
unwind.rs~        if let Some(caught) = other.take() {\n            self.keep(caught);\n        }~        if let Some(caught) = other.take() {\n            *self = Self(Some(ManuallyDrop::new(caught)));\n        }~16: of two panics that were kept, the first wins
machine/body.rs~            others.drop(output);\n            return Poll::Ready(Err(caught));~            others.drop(output);\n            return Poll::Ready(Err(others.take().unwrap_or(caught)));~16: the body's destructor does not replace the panic of the body
machine/body.rs~            others.guard(&mut || state.set(BodyState::Ended));~            state.set(BodyState::Ended);~17: the body's destructor is guarded beside the panic of the body
machine/enter.rs~            if has_body && !panic.is_some() {\n~            if has_body {\n~a body that is not called has no BodyStarted
machine/enter.rs~            self.count().begin();\n            self.tell(Event::EnterStarted { index });\n        }\n        self.cursor.visit(index);\n        match slot.as_mut().poll_enter(cx) {~            self.count().begin();\n        }\n        let queued = slot.as_mut().phase() == Phase::Queued;\n        self.cursor.visit(index);\n        let polled = slot.as_mut().poll_enter(cx);\n        if queued {\n            self.tell(Event::EnterStarted { index });\n        }\n        match polled {~EnterStarted comes before the enter
machine/enter.rs~            slot.cut(self.panic);\n        }\n        if self.all && phase == Phase::Entering {\n            tell(self.observer, self.panic, Event::EnterDropped { index });\n        }~            if self.all && phase == Phase::Entering {\n                tell(self.observer, self.panic, Event::EnterDropped { index });\n            }\n            slot.cut(self.panic);\n        }~EnterDropped comes after the drop
machine/exit.rs~            tell(self.observer, self.panic, Event::ExitStarted { index });\n            slot.as_mut().begin_exit(self.course.case);~            slot.as_mut().begin_exit(self.course.case);\n            tell(self.observer, self.panic, Event::ExitStarted { index });~ExitStarted comes before the exit
machine/recover.rs~        slot.clear(self.panic);\n        if let Some(event) = event {\n            tell(self.observer, self.panic, event);\n        }~        if let Some(event) = event {\n            tell(self.observer, self.panic, event);\n        }\n        slot.clear(self.panic);~EnterDropped, ExitDropped and Abandoned come after the drop
machine.rs~                tell(observer, panic, Event::BodyDropped {});\n                let mut all = all.take();\n                all.clear(panic);~                let mut all = all.take();\n                all.clear(panic);\n                tell(observer, panic, Event::BodyDropped {});~BodyDropped comes before the drop of the drivers
machine/hand_over.rs~            tell(parts.observer, &mut first, Event::BodyDropped {});\n            if let Poll::Ready(returned) = &mut cancel_block(block) {~            if let Poll::Ready(returned) = &mut cancel_block(block) {\n                tell(parts.observer, &mut first, Event::BodyDropped {});~BodyDropped comes before the drop of a shielded body
machine.rs~        parts.stop.as_mut().clear(panic);\n        if panic.is_some() {\n            exits.panic(panic);\n        }\n        let lost = lost && !panic.is_some();\n        if tells {\n            let case = if lost { why } else { exits.case() };\n            tell(parts.observer, panic, Event::BodyEnded { case });\n        }~        if panic.is_some() {\n            exits.panic(panic);\n        }\n        let lost = lost && !panic.is_some();\n        if tells {\n            let case = if lost { why } else { exits.case() };\n            tell(parts.observer, panic, Event::BodyEnded { case });\n        }\n        parts.stop.as_mut().clear(panic);~BodyEnded comes after the drop of stop
machine.rs~        tell_all(&drivers.events(), parts.observer, &mut panic);\n        if Ms::Kind::DRIVEN {~        if Ms::Kind::DRIVEN {~what the body of a scope did in its last poll is told before BodyEnded
machine.rs~        tell_all(&drivers.events(), observer, panic);\n        if P~        if P~what is dropped with the body of a scope is told
machine/exit.rs~                if Ms::Kind::DRIVEN {\n                    self.tell_driver(index);\n                }\n                tell(self.observer, self.panic, Event::ExitFailed { index });~                tell(self.observer, self.panic, Event::ExitFailed { index });\n                if Ms::Kind::DRIVEN {\n                    self.tell_driver(index);\n                }~DriverEnded comes before ExitFailed
machine/body.rs~if !(S::ENDS_BODY || V::DRIVEN || V::GROWS) || !is_cancel(cx.waker()) {~if !is_cancel(cx.waker()) {~14: the caller's waker ends no body without cancel_on
machine.rs~poll_block(P::Stop::ENDS_BODY || Ms::Kind::DRIVEN || Ms::Values::GROWS, block, cx)~poll_block(P::Stop::ENDS_BODY || Ms::Kind::DRIVEN, block, cx)~14: nor the body of a scope
machine.rs~poll_block(P::Stop::ENDS_BODY || Ms::Kind::DRIVEN || Ms::Values::GROWS, block, cx)~poll_block(P::Stop::ENDS_BODY || Ms::Values::GROWS, block, cx)~14: nor a body beside drivers
adapters.rs~InTime(Race { future: self.value.release_resource(case), deadline: (self.deadline)(), late: None })~InTime(Race { deadline: (self.deadline)(), future: self.value.release_resource(case), late: None })~the deadline of an exit is called after the exit
adapters.rs~Race { future: self.value.exit_resource(case), deadline: (self.deadline)(), late: None }~Race { deadline: (self.deadline)(), future: self.value.exit_resource(case), late: None }~the same in an exit of a scope by hand
unwind.rs~            if let Err(another) = catch(|| others = None) {\n                mem::forget(another);\n            }~            if let Err(another) = catch(|| others = None) {\n                drop(another);\n            }~17: a payload of a payload's payload may panic
unwind.rs~            if let Err(another) = catch(|| others = None) {\n                mem::forget(another);\n            }~            drop(others.take());~17: a payload's payload may panic
unwind.rs~            let (mut first, mut others) = (Some(self), None);~            mem::forget(self);\n            return;\n            #[allow(unreachable_code)]\n            let (mut first, mut others) = (None::<Self>, None);~16: a payload that is not returned is dropped
unwind.rs~            if let Err(another) = catch(|| first = None) {\n                others = Some(another);\n            }~            if let Err(another) = catch(|| first = None) {\n                mem::forget(another);\n                others = None::<Self>;\n            }~16: so is a payload's payload
unwind.rs~        if let Some(caught) = self.take() {\n            caught.discard();\n        }~        let _ = self.take().map(core::mem::forget);~16: so is a payload that was kept, if the gather is dropped
wake/block.rs~            Some(slot) => drop(unsafe { self.replace(slot, Some(new)) }),~            Some(slot) => mem::forget(unsafe { self.replace(slot, Some(new)) }),~20: the waker of the last caller is dropped
machine.rs~return if self.is_body() { Poll::Pending } else { Poll::Ready(()) };~return Poll::Pending;~driven D15: the exits begin in the poll in which a driver has ended the body
machine/exit.rs~            *this.driver_ended = Default::default();\n~~driven D13: the end of a driver in a nested exit is told once
machine/exit.rs~        panic.guard(&mut || phase.set(None));~        phase.set(None);~17: a panic of the caller's waker is guarded if an exit by hand is dropped
machine/exit.rs~            self.cursor.pass = Pass::Start;\n        }\n    }~        }\n    }~19: in a poll, a place that becomes free late costs no second poll of the others
drive.rs~            first.guard(&mut || drove = drove.and(self.drive(index, cx)));~            drove = drove.and(self.drive(index, cx));~driven D11: the other drivers of a nested group are polled although one panics
driven.rs~        *this.ended = false;\n~~driven D13: the end of a driver is told once, although its exit panics later
driven.rs~        if !panic.is_some() {\n            let mut drove = None;~        {\n            let mut drove = None;~driven D9: a driver is not polled after a panic of its exit
optional.rs~        if let Ok(value) = self.0 {\n            value.abandon_resource();\n        }~        drop(self.0);~24: an optional member that has entered is abandoned
optional.rs~            drivers.clear(panic);~            let _ = (drivers, panic);~24: the drivers of optional members are dropped one by one
LIST
}

# The time is for the mutants: the build and the tests without one don't count.
survivors=0 count=0 SECONDS=0
while IFS='~' read -r file old new rule; do
    [[ $rule == *"${1:-}"* ]] || continue
    [ -z "$within" ] || [ "$SECONDS" -lt "$within" ] || break
    FILE=$file OLD=$old NEW=$new perl -0777 -i -pe '
        my ($old, $new) = map { s/\\n/\n/gr } @ENV{"OLD", "NEW"};
        my $n = () = /\Q$old\E/g;
        die "$ENV{FILE}: found $n times: $old\n" if $n != 1;
        s/\Q$old\E/$new/;
    ' "src/$file"
    count=$((count + 1))
    if run_tests; then
        echo "SURVIVED: $rule ($file: $old -> $new)"
        survivors=$((survivors + 1))
    elif grep -qE '^error(\[E[0-9]+\])?: ' "$work/log" && ! grep -q 'test failed, to rerun' "$work/log"; then
        grep -m 3 -A 6 '^error' "$work/log"
        echo "DOES NOT COMPILE: $rule ($file)"
        survivors=$((survivors + 1))
    else
        echo "noticed: $rule"
    fi
    cp "$work/src/$file" "src/$file"
done < <(if [ -n "$within" ]; then list | shuf; else list; fi)
echo "$((count - survivors)) of $count mutants noticed"
[ "$survivors" = 0 ] && [ "$count" -gt 0 ]
