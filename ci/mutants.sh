#!/usr/bin/env bash
# Breaks the source in a list of ways, one at a time, and shows that the tests notice each.
#
# A line of the list names the file, the text to replace (it occurs exactly once), the new text, and the promise that
# breaks. With an argument, the script takes only the lines whose promise contains it. With `--within SECONDS`, it takes
# as many as there is time for, in a random order. `cargo mutants` makes many more by itself. It also makes these, which
# need no test:
#
# - `Exit::on_error`, `Verdict::from(())` and `Store::empty` of a `Vec` replaced by what they do already;
# - a `Cursor::end_visit` that does not move on: the slot that was left has nothing to be polled, so the sweep passes it;
# - an `EndOnUnwind` without effect if `std` is on: no panic gets out of it there. Without `std` a test notices.
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
    for test in plans observe many panics; do
        cargo test --quiet --no-run --test "$test" && timeout 100 cargo test --quiet --test "$test" || return 1
    done
    cargo test --quiet --no-run --lib --tests && timeout 100 cargo test --quiet --lib --tests
} >"$work/log" 2>&1

run_tests || { tail -n 40 "$work/log"; echo "the tests fail without a mutant" >&2; exit 1; }

list() {
    cat <<'LIST'
slot.rs~state.set(State::Held(Held::new(value)));~state.set(State::Gone); value.abandon_resource();~3: a ready enter is held
slot.rs~            if let Err(caught) = unwind::catch(|| value.abandon_resource()) {~            if let Err(caught) = unwind::catch(|| drop(value)) {~15: held resources are abandoned
slot.rs~                // Empty while the future is made~                value.abandon_resource(); return; // Empty while the future is made~8: held resources are exited
slot.rs~                state.set(State::ExitFault(error));~                drop(error); state.set(State::Gone);~10: an exit's error is kept
slot.rs~                state.set(State::EnterFault(error));~                drop(error); state.set(State::Gone);~5: an enter's error is kept
machine.rs~            Self::Failed(_) => ExitCase::Failed,~            Self::Failed(_) => ExitCase::Completed,~9: exits receive Failed if the body failed
machine.rs~            Self::EnterFailed => ExitCase::EnterFailed,~            Self::EnterFailed => ExitCase::Failed,~5: exits of a failed group receive EnterFailed
machine.rs~            Self::Cancelled => ExitCase::Cancelled,~            Self::Cancelled => ExitCase::Failed,~14: exits of a cancelled group receive Cancelled
machine.rs~        mem::take(&mut self.pending)~        mem::take(&mut self.pending) && false~4: the body waits for every enter
machine.rs~                    let eager = P::ROLLBACK == RollbackKind::Eager;~                    let eager = true;~5: the enters of a failed group run on first
machine.rs~                    let eager = P::ROLLBACK == RollbackKind::Eager;~                    let eager = P::ROLLBACK == RollbackKind::FailFast;~5: eager_rollback does not wait
machine.rs~                            flags.entering &= !fail_fast;~~5: fail_fast does not wait
machine.rs~if P::ROLLBACK == RollbackKind::FailFast && self.cursor.enter_failed {~if false {~2: under fail_fast no enter is polled after one that failed
machine.rs~Phase::Queued if index >= self.limit.max() && (self.failed || self.cursor.enter_failed) => false,~~6: queued members of a failed group never start
machine.rs~Phase::Queued => self.limit.has_room(),~Phase::Queued => true,~6: at most n enters in flight
machine.rs~let has_room = policy.limit().has_room();~let has_room = true;~13: at most n exits in flight
machine.rs~            if !X::Limit::LIMITED || !mem::take(&mut cursor.held_back) || !policy.limit().has_room() {~            if true {~13: a place that becomes free late is used at once
group.rs~        let last = self.turn.is_none_or(|(_, highest)| highest < rank);~        let last = self.turn.is_none_or(|(_, highest)| highest > rank);~12: last entered first
machine.rs~                    next_case(case, ExitCase::Completed);~~12: after Suppress the rest receive Completed
machine.rs~                        next_case(case, ExitCase::Failed);~~12: after an exit's error the rest receive Failed
machine.rs~                    next_case(case, ExitCase::Panicked);~~12: after an exit's panic the rest receive Panicked
machine.rs~    if let Some(ExitCase::Completed | ExitCase::Failed) = case {~    if case.is_some() {~12: EnterFailed, Cancelled and Panicked stay
machine.rs~flags.suppressed |= told == ExitCase::Failed;~flags.suppressed = true;~12: only an exit that received Failed suppresses the error
machine.rs~                flags.propagate |= answer == Some(Answer::Propagate);~~11: one that propagates is enough
machine.rs~(suppressed || (suppress && !propagate), propagate || suppress)~(suppressed || !propagate, propagate || suppress)~11: without a member nothing is suppressed
machine.rs~(false, false) => Answer::Neutral,~(false, false) => Answer::Propagate,~11: an empty nested group does not count
machine.rs~(false, true) => Answer::Propagate,~(false, true) => Answer::Neutral,~11: a nested group counts as its members
entered.rs~    fn exit_in_group(self, case: ExitCase) -> impl Future<Output = Result<Answer, Self::Error>> {\n        ExitAll { cycle: self.into_cycle(case), verdict: PhantomData }\n    }~~11: an empty nested group answers neither way
machine.rs~                    flags.exit_failed = true;~~10: a failed exit makes the gather fail
machine.rs~    if exit_failed || panic.is_some() || ~    if exit_failed || ~10: no error is lost beside a panic
machine.rs~        if P::Stop::ENABLED && !mem::replace(&mut cursor.stop_done, true) {~        if P::Stop::ENABLED && mem::replace(&mut cursor.stop_done, true) {~14: stop is polled
machine.rs~                let _ = members.visit(0, &mut CutEnters { all: true, panic, in_flight, observer });~~14: pending enters are dropped
machine.rs~if P::Stop::ENABLED && is_cancel(cx.waker()) {~if false {~14: the caller's waker is not mistaken
machine.rs~                        stop.as_mut().clear(panic);~~14: stop is dropped when no enter is pending
machine.rs~let no_body = matches!(stage, Stage::Exit(_)) || !P::BODY;~let no_body = matches!(stage, Stage::Exit(_));~14: stop is dropped when a nested group has entered
machine.rs~if P::Stop::ENABLED && !flags.entering && no_body {~if P::Stop::ENABLED && no_body {~14: stop is not dropped while an enter is pending
machine.rs~        stop.clear(&mut panic);\n        if panic.is_some() {~        if panic.is_some() {~14: stop is dropped when the body has ended
machine.rs~                            stage.fail(Ending::Panicked, panic);~~17: after a panic of stop's destructor the exits receive Panicked
machine.rs~            panic.guard(|| ending = Ending::Panicked);~~17: the same after the body
machine.rs~        let begin = self.case.is_none();~        let begin = true;~9: the case is decided when the first exit begins
policy.rs~        this.0.clear(panic);\n~~14: both are dropped if cancel_on is called twice
policy.rs~        panic.guard(|| this.1.set(Signal::Over));~        this.1.set(Signal::Over);~17: a panic of stop's destructor is kept
machine.rs~                cursor.witnessed = true;~return;~16: after a panic of on_error the exit runs
machine.rs~        if panic.is_some() {\n            panic.guard(|| *self = Self::Exit(Ending::Panicked));\n        }~~16: exits receive Panicked after a panic in an enter
machine.rs~others.guard(|| drop(output));\n                Poll::Ready(Err(caught))~others.guard(|| drop(output));\n                drop(caught);\n                Poll::Pending~16: a panic of the body is not lost
machine.rs~chosen: !begin~chosen: false~5: only an error known when the exits begin is shown
machine.rs~                let _ = members.visit(0, &mut Clear { panic: &mut first, observer });~~17: no destructor is skipped
machine.rs~            Self::From(first) => !waits && index >= first,~            Self::From(_) => !waits,~22: with fair, each is polled once
machine.rs~            Self::Below(first) => !waits && index < first,~            Self::Below(_) => false,~22: with fair, the poll goes around
machine.rs~            Self::From(first) => !waits && index >= first,~            Self::From(first) => index >= first,~22: with fair, members start in argument order all the same
machine.rs~            self.pass = Pass::From(first());~            self.pass = Pass::From(0);~22: with fair, each poll starts one further
machine.rs~        if let Pass::All = self.pass {~        {~22: a panic does not make it go further
policy.rs~    let next = if *at + 1 < len { *at + 1 } else { 0 };~    let next = *at + 1;~22: after the last comes the first
policy.rs~        rotate(&mut self.exits, len)~        rotate(&mut self.enters, len)~22: enters and exits rotate separately
entered.rs~            values.abandon();~            drop(values);~15: a dropped group is abandoned
entered.rs~        (**self).show(error);~~on_error is passed on
entered.rs~values.hold(ranks, P::CALLER_WAKER)~values.hold(ranks, false)~20: a group that was entered keeps caller_waker
cycle.rs~            Err((failure, Some(value))) => Ok(((value, failure.exits), Answer::Propagate)),~            Err((failure, Some(_))) => Err((failure, None)),~keep_value returns the value beside the errors of exits
failure.rs~            self.cause = Cause::panicked(caught);~            drop(caught);~17: a panic of the body's value is not lost
failure.rs~if !catch {~if true {~16: it comes back as a value
adapters.rs~        if let Poll::Ready(error) = this.deadline.poll(cx) {\n            *this.late = Some(error);\n        }~~a deadline ends what is late
adapters.rs~            Poll::Ready(result) => Poll::Ready(result),\n            Poll::Pending => this.late.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error))),~            Poll::Ready(result) if this.late.is_none() => Poll::Ready(result),\n            _ => this.late.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error))),~22: a member that is ready in the same poll as its deadline wins
adapters.rs~        unwind::in_turn(|| value.abandon_resource(), || drop(deadline));~        drop((value, deadline));~an adapter passes abandon on
adapters.rs~        unwind::in_turn(|| abandon.abandon(value), || drop(exit));~        drop((abandon, value, exit));~abandon_with is called
adapters.rs~            Some(abandon) => abandon(value),~            Some(_) => drop(value),~abandon_with is called for exit_boxed
adapters.rs~        Beside((self.exit)(self.value, case), self.abandon)\n~        drop(self.abandon);\n        (self.exit)(self.value, case)\n~17: abandon_with's closure is dropped with the exit
unwind.rs~    first.guard(one);\n    first.guard(other);~    one();\n    other();~17: the second is dropped although the first panics
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
machine.rs~StateProj::Done => panic!("a gather was polled after it had finished"),~StateProj::Done => return Poll::Pending,~18: polled after its end, a clear panic
machine.rs~matches!(self.state, State::Done)~false~18: it says that it has ended
machine.rs~        self.panic.guard(|| slot.as_mut().cut());~~16: what has panicked is over
slot.rs~                state.set(State::Gone);\n                state.set(State::Exiting((this.exit)(value, case)));~                state.set(State::Exiting((this.exit)(value, case)));~16: an exit that cannot be made has had its resource
unwind.rs~            Some(_) => caught.discard(),~            Some(_) => caught.resume(),~16: a second panic is dropped
unwind.rs~            if let Err(another) = catch(|| drop(self)) {~            if let Err(another) = Ok::<(), Caught>(drop(self)) {~17: a payload's destructor may panic
group/array.rs~first.guard(|| value.show_error(error))~value.show_error(error)~17: an on_error that panics hides the error from no other
group/vec.rs~first.guard(|| value.show_error(error))~value.show_error(error)~17: the same in a Vec
group/vec.rs~let many = if caller_waker { None } else { Many::new(slots.len()) };~let _ = caller_waker;\n        let many = Many::new(slots.len());~20: caller_waker passes on the caller's waker
group/vec.rs~            many.forget_parent();~            let _ = many;~20: no waker is kept while the body runs
wake.rs~(len > FEW).then~(len > 3).then~2: a few are polled with the caller's own waker
wake.rs~(len > FEW).then~(len > 64).then~20: of many, only woken members are polled
wake.rs~let Some(index) = woken.or(begin) else { return };~let Some(index) = begin.or(woken) else { return };~20: in argument order
wake.rs~                from = index + 1;~                from = if woken.is_none() { index + 1 } else { from };~20: a place is not given to one that the sweep has passed
wake.rs~Phase::Entering | Phase::Exiting => self.awake.keep(index),~Phase::Entering | Phase::Exiting => self.awake.pass(index),~20: a wake for the other sweep is kept
wake.rs~                    self.cursor = index + 1;~                    self.cursor = index + 2;~20: members that wait are not forgotten
wake.rs~(self.exiting, self.cursor) = (true, 0);~self.exiting = true;~20: all held members wait for their exit
wake.rs~                    self.late.insert(at, index);~~20: a member held late waits for its exit
wake.rs~partition_point(|late| *late > index)~partition_point(|late| *late < index)~20: members held late exit in argument order
wake.rs~                stack.push(index);~~12: of many, a member that enters late has its turn
wake.rs~            if phase(slots, self.turn) != Phase::Exiting {~            let _ = slots;\n            if true {~12: of many, one after the other
wake.rs~held.sort_unstable_by(|a, b| rank(*a).partial_cmp(&rank(*b)).unwrap_or(Ordering::Equal));~let _ = (Ordering::Equal, &mut rank);~12: of many, last entered first
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
machine.rs~panic.guard(|| observer.tell(event));~let _ = (panic, observer, event);~the observer receives events
machine.rs~if held { Event::Entered { index } } else { Event::EnterFailed { index } }~Event::Entered { index }~the observer receives EnterFailed after a panic in an enter
machine.rs~tell(observer, panic, Event::ExitFailed { index: cursor.at });~~the observer receives ExitFailed after a panic in an exit
machine.rs~                abandoned = Ms::emptied_len(emptied);~                let _ = emptied;~the observer receives Abandoned
machine.rs~                        if panic.is_some() {\n                            stage.fail(Ending::EnterFailed, panic);~                        if false {\n                            stage.fail(Ending::EnterFailed, panic);~a panic of the observer is not lost
policy.rs~unwrap_or(index + 1)~unwrap_or(0)~12: what was pushed to a stack entered last
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
