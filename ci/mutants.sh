#!/usr/bin/env bash
# Breaks the source in a list of ways, one at a time, and shows that the tests notice each.
#
# A line of the list is: the file, what stands there (exactly once), what stands there instead, and the promise that is
# broken. With an argument, only the lines are taken whose promise contains it; with `--within SECONDS`, as many as there
# is time for, in a random order. `cargo mutants` makes many more by itself; of what it left alive, this needs no test:
#
# - `Exit::witness`, `Verdict::from(())` and `Store::empty` of a `Vec` replaced by what they do already;
# - `Cursor::end_visit` that does not move on: the slot that was left has nothing to be polled, so it is passed by;
# - `EndOnUnwind` without effect where `std` is on: no panic gets out of it there. Without `std` a test notices;
set -euo pipefail
cd "$(dirname "$0")/.."
within=
if [ "${1:-}" = --within ]; then within=$2 && shift 2; fi
work=$PWD/target/mutants
rm -rf "$work/src" "$work/tree"
mkdir -p "$work/tree"
cp -r Cargo.toml Cargo.lock README.md benches src tests "$work/tree"
cp -r src "$work/src"
cd "$work/tree"
sed -i '/^\[workspace\]/,/^$/ { /members/d }' Cargo.toml
rm -rf tests/ui tests/ui.rs tests/examples.rs tests/executors.rs tests/load.rs tests/schedules.rs
export CARGO_TARGET_DIR=$work/.. RUST_BACKTRACE=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=1

run_tests() {
    # Those first that notice most, so that the others need not be built then. The limit of time is for the tests, not for
    # their build.
    for test in plans observe many panics; do
        cargo test --quiet --no-run --test "$test" && timeout 100 cargo test --quiet --test "$test" || return 1
    done
    cargo test --quiet --no-run --lib --tests && timeout 100 cargo test --quiet --lib --tests
} >"$work/log" 2>&1

run_tests || { tail -n 40 "$work/log"; echo "the tests fail without a mutant" >&2; exit 1; }

list() {
    cat <<'LIST'
slot.rs~state.set(State::Held(Held::new(value)));~state.set(State::Gone); value.abandon();~3: a ready enter is held
slot.rs~            if let Err(caught) = unwind::catch(|| value.abandon()) {~            if let Err(caught) = unwind::catch(|| drop(value)) {~15: what is held is abandoned
slot.rs~                // Empty while the future is made~                value.abandon(); return; // Empty while the future is made~8: what is held is exited
slot.rs~                state.set(State::ExitFault(error));~                drop(error); state.set(State::Gone);~10: an exit's error is kept
slot.rs~                state.set(State::EnterFault(error));~                drop(error); state.set(State::Gone);~5: an enter's error is kept
machine.rs~            Self::Failed(_) => ExitCase::Failed,~            Self::Failed(_) => ExitCase::Completed,~9: exits are told that the body failed
machine.rs~            Self::EnterFailed => ExitCase::EnterFailed,~            Self::EnterFailed => ExitCase::Failed,~5: exits of a rollback are told EnterFailed
machine.rs~            Self::Cancelled => ExitCase::Cancelled,~            Self::Cancelled => ExitCase::Failed,~14: exits of a stopped group are told Cancelled
machine.rs~        mem::take(&mut self.pending)~        mem::take(&mut self.pending) && false~4: the body waits for every enter
machine.rs~        let eager = P::ROLLBACK == RollbackKind::Eager;~        let eager = true;~5: a failed group settles first
machine.rs~                    let eager = P::ROLLBACK == RollbackKind::Eager;~                    let eager = P::ROLLBACK == RollbackKind::FailFast;~5: eager_rollback does not wait
machine.rs~                                flags.entering &= !fail_fast;~~5: fail_fast does not wait
machine.rs~if P::ROLLBACK == RollbackKind::FailFast && self.cursor.enter_failed {~if false {~2: under fail_fast none is polled after one that failed
machine.rs~Phase::Queued if index >= self.limit.max() && (self.failed || self.cursor.enter_failed) => false,~~6: queued members of a failed group never start
machine.rs~Phase::Queued => self.limit.has_room(),~Phase::Queued => true,~6: at most n enters in flight
machine.rs~let has_room = policy.limit().has_room();~let has_room = true;~13: at most n exits in flight
machine.rs~            if !X::Limit::LIMITED || !mem::take(&mut cursor.held_back) || !policy.limit().has_room() {~            if true {~13: room that is made late is used at once
group.rs~        let last = self.turn.is_none_or(|(_, rank)| rank < slot.rank());~        let last = self.turn.is_none_or(|(_, rank)| rank > slot.rank());~12: last entered first
machine.rs~                    next_case(case, ExitCase::Completed);~~12: after Suppress the rest are told Completed
machine.rs~                        next_case(case, ExitCase::Failed);~~12: after an exit's error the rest are told Failed
machine.rs~                    next_case(case, ExitCase::Panicked);~~12: after an exit's panic the rest are told Panicked
machine.rs~    if let Some(ExitCase::Completed | ExitCase::Failed) = case {~    if case.is_some() {~12: EnterFailed, Cancelled and Panicked stay
machine.rs~flags.suppressed |= told == ExitCase::Failed;~flags.suppressed = true;~12: only who was told of the failure suppresses it
machine.rs~                flags.propagate |= verdict == Some(Verdict::Propagate);~~11: one that propagates is enough
machine.rs~members.len() > 0 && !exit_failed~!exit_failed~11: no one to suppress
machine.rs~                    flags.exit_failed = true;~~10: a failed exit makes the gather fail
machine.rs~    if exit_failed || panic.is_some() || ~    if exit_failed || ~10: no error is lost beside a panic
machine.rs~        if P::Stop::ENABLED && !mem::replace(&mut cursor.stop_done, true) {~        if P::Stop::ENABLED && mem::replace(&mut cursor.stop_done, true) {~14: what stops the group is polled
machine.rs~                let _ = members.visit(0, &mut CutEnters { all: true, panic, in_flight, observer });~~14: pending enters are dropped
machine.rs~if P::Stop::ENABLED && is_cancel(cx.waker()) {~if false {~14: the caller's waker is not mistaken
machine.rs~                cursor.witnessed = true;~return;~16: after a panic of witness the exit runs
machine.rs~        if panic.is_some() {\n            *self = Self::Exit(Ending::Panicked);\n        }~~16: a panic in an enter is told as one
machine.rs~others.guard(|| drop(output));\n                Poll::Ready(Err(caught))~others.guard(|| drop(output));\n                drop(caught);\n                Poll::Pending~16: a panic of the body is not lost
machine.rs~chosen: !begin~chosen: false~5: only an error known when the exits begin is shown
machine.rs~                let _ = members.visit(0, &mut Clear { panic: &mut first, observer });~~17: no destructor is skipped
entered.rs~            values.abandon();~            drop(values);~15: a dropped group is abandoned
entered.rs~        (**self).witness(error);~~witness is passed on
member.rs~            Poll::Pending => this.deadline.poll(cx).map(Err),~            Poll::Pending => Poll::Pending,~a deadline ends what is late
member.rs~        self.value.abandon();\n    }\n}\n\n/// A resource that must be exited in time~    }\n}\n\n/// A resource that must be exited in time~an adapter passes abandon on
unwind.rs~            None => self.0 = Some(ManuallyDrop::new(caught)),~            None => caught.discard(),~16: the first panic goes on
unwind.rs~if thread::panicking() { self.discard() } else { self.resume() }~self.resume()~17: no abort while unwinding
policy.rs~        *self += 1;~~12: the order of entering is kept
policy.rs~        self.in_flight -= 1;~~6, 13: a place that has become free is used
policy.rs~        self.in_flight < self.max.get()~        self.in_flight <= self.max.get()~6, 13: not one more
policy.rs~        match this.0.poll_stop(cx) {\n            Poll::Ready(()) => Poll::Ready(()),~        match this.0.poll_stop(cx) {\n            Poll::Ready(()) => Poll::Pending,~14: the first of two may stop the group
policy.rs~const CATCH: bool = true;~const CATCH: bool = false;~16: a panic comes back as a value
failure.rs~        if self.len() <= index {~        if self.len() < index {~10: each error has its index in a Vec
failure.rs~            Cause::Body(error) if self.suppressed => Ok(error),~            Cause::Body(error) => Ok(error),~11: what was not suppressed is a failure
machine.rs~StateProj::Done => panic!("a gather was polled after it had finished"),~StateProj::Done => return Poll::Pending,~18: polled after its end, a clear panic
machine.rs~matches!(self.state, State::Done)~false~18: it says that it has ended
machine.rs~        self.panic.guard(|| slot.as_mut().cut());~~16: what has panicked is over
slot.rs~                state.set(State::Gone);\n                state.set(State::Exiting((this.exit)(value, case)));~                state.set(State::Exiting((this.exit)(value, case)));~16: an exit that cannot be made has had its resource
unwind.rs~            Some(_) => caught.discard(),~            Some(_) => caught.resume(),~16: a second panic is dropped
unwind.rs~            if let Err(another) = catch(|| drop(self)) {~            if let Err(another) = Ok::<(), Caught>(drop(self)) {~17: a payload's destructor may panic
group/array.rs~first.guard(|| value.witness(error))~value.witness(error)~17: a witness that panics hides the error from no other
group/vec.rs~first.guard(|| value.witness(error))~value.witness(error)~17: the same in a Vec
group/many.rs~(len > FEW).then~(len > 3).then~2: a few are polled with the caller's own waker
group/many.rs~(len > FEW).then~(len > 64).then~20: of many, only who was woken is polled
group/many.rs~            self.wakers.register(cx.waker());~~20: who is woken wakes the gather
group/many.rs~.chain(woken).min()~.chain(woken).max()~20: in argument order
group/many.rs~                self.note(index, slot.phase());~                self.wakers.awake().remove(index);\n                self.note(index, slot.phase());~20: a wake in a member's own poll is kept
group/many.rs~waiting.is_some_and(|waiting| waiting <= index)~waiting == Some(index)~20: a place is not given to one that the sweep has passed
group/many.rs~if more { self.wakers.awake().next(index + 1) } else { None }~None~20: all that were woken are polled
group/many.rs~                    Phase::Entering | Phase::Exiting => {}\n                    // It was woken~                    Phase::Entering | Phase::Exiting => drop(self.wakers.awake().remove(index)),\n                    // It was woken~20: a wake for the other sweep is kept
group/many.rs~                if begin == Some(index) {\n                    self.waits = self.wakers.waiting().take(index);~                if begin == Some(index) {\n                    self.waits = self.wakers.waiting().take(index) && index < 40;~20: who waits is not forgotten
group/many.rs~                self.waits = true;\n~~20: who is held late waits, where no one else did
group/many.rs~                self.wakers.waiting().insert(index);~~20: who is held late waits for its exit
group/many.rs~            self.wakers.all_wait();~~20: all that are held wait for their exit
group/many.rs~                self.stack.iter_mut().for_each(|stack| stack.push(index));~~12: of many, who enters late has its turn
group/many.rs~            if slots[self.turn].phase() != Phase::Exiting {~            if true {~12: of many, one after the other
group/many.rs~held.sort_by(|a, b| slots[*a].rank().partial_cmp(&slots[*b].rank()).unwrap_or(Ordering::Equal));~let _ = Ordering::Equal;~12: of many, last entered first
group/wakers.rs~        self.awake().insert(index);\n        self.parent.wake();~        self.parent.wake();\n        self.awake().insert(index);~20: a member is awake before the gather is woken
group/wakers.rs~        drop(self.block.parent.take());~~20: the parent is let go
group/wakers.rs~            at = at / BITS * BITS + bits.trailing_zeros() as usize;~            at = at / BITS * BITS + bits.ilog2() as usize;~20: the next in argument order
group/wakers.rs~let missing = BITS - (bits - at * BITS).min(BITS);~let missing = 0;~20: no one waits that is not there
group/wakers.rs~            first: at * BITS,~            first: 0,~20: a waker wakes its own member
machine.rs~panic.guard(|| observer.tell(event));~let _ = (panic, observer, event);~the observer is told
machine.rs~if held { Event::Entered } else { Event::EnterFailed };~Event::Entered;~the observer is told of a panic in an enter
machine.rs~tell(observer, panic, Event::ExitFailed(cursor.at));~~the observer is told of a panic in an exit
machine.rs~                abandoned = Ms::emptied_len(emptied);~                let _ = emptied;~the observer is told who is abandoned
machine.rs~                        if panic.is_some() {\n                            stage.fail(Ending::EnterFailed, panic);~                        if false {\n                            stage.fail(Ending::EnterFailed, panic);~a panic of the observer is not lost
policy.rs~unwrap_or(index + 1)~unwrap_or(0)~12: who was pushed to a stack entered last
LIST
}

survivors=0 count=0
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
[ "$survivors" = 0 ]
