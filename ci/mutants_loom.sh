#!/usr/bin/env bash
# Weakens the wakers of many members in a list of ways, one at a time, and shows that loom notices each.
#
# A line of the list names the file in `src/wake`, the text to replace (it occurs exactly once), the new text, and what
# breaks. In the texts, `\n` stands for a newline. With an argument, the script takes only the lines whose last field
# contains it. Each mutant takes about 20 seconds.
#
# These are not in the list:
#
# - the count of the owners (`fetch_sub`, and the fence of the last owner). Loom does not check what is freed. Miri does:
#   without the release or without the fence, `wake::awake::tests::from_other_threads` fails by `ci/miri.sh`.
# - the first load of `look` with `Relaxed`. It changes nothing: `KEPT`, `REGISTERED` and the slot are written by the gather
#   alone, and what a wake adds is acquired by the step that takes it.
# - the first load of `wake`, and the count up of a clone. They are `Relaxed` already.
set -euo pipefail
cd "$(dirname "$0")/.."
bash ci/loom.sh >/dev/null 2>&1 || { bash ci/loom.sh; exit 1; }
tree=$PWD/target/loom

list() {
    cat <<'LIST'
set.rs~fetch_or(bits, Ordering::Release)~fetch_or(bits, Ordering::Relaxed)~an insert releases
set.rs~swap(0, Ordering::Acquire)~swap(0, Ordering::Relaxed)~a walk acquires
set.rs~        let bits = set.word(level, at).swap(0, Ordering::Acquire);~        let bits = set.word(level, at).load(Ordering::Acquire);\n        set.word(level, at).store(0, Ordering::Relaxed);~a walk takes a word in one step
set.rs~        for level in level..=self.top() {\n            if~        for level in (level..=self.top()).rev() {\n            if~an insert goes from the bottom up
block.rs~compare_exchange_weak(from.0, to.0, Ordering::AcqRel, Ordering::Acquire)~compare_exchange_weak(from.0, to.0, Ordering::Acquire, Ordering::Acquire)~a step releases
block.rs~compare_exchange_weak(from.0, to.0, Ordering::AcqRel, Ordering::Acquire)~compare_exchange_weak(from.0, to.0, Ordering::Release, Ordering::Acquire)~a step acquires
block.rs~compare_exchange_weak(from.0, to.0, Ordering::AcqRel, Ordering::Acquire)~compare_exchange_weak(from.0, to.0, Ordering::Relaxed, Ordering::Acquire)~a step releases and acquires
block.rs~compare_exchange_weak(from.0, to.0, Ordering::AcqRel, Ordering::Acquire)~compare_exchange_weak(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed)~a step that fails acquires
block.rs~(mut state, mut stale) = (State(parent.state.load(Ordering::Acquire)), None);~(mut state, mut stale) = (State(parent.state.load(Ordering::Relaxed)), None);~the last user of a stale slot acquires
block.rs~        let new = parent.clone();\n        let state = State(self.state.fetch_and(FORGOTTEN, Ordering::AcqRel) & FORGOTTEN);~        let new = parent.clone();\n        let state = State(self.state.fetch_and(FORGOTTEN, Ordering::Release) & FORGOTTEN);~a change acquires
block.rs~        let new = parent.clone();\n        let state = State(self.state.fetch_and(FORGOTTEN, Ordering::AcqRel) & FORGOTTEN);~        let new = parent.clone();\n        let state = State(self.state.fetch_and(FORGOTTEN, Ordering::Acquire) & FORGOTTEN);~a change releases
block.rs~    unsafe fn forget(&self) {\n        let state = State(self.state.fetch_and(FORGOTTEN, Ordering::AcqRel) & FORGOTTEN);~    unsafe fn forget(&self) {\n        let state = State(self.state.fetch_and(FORGOTTEN, Ordering::Release) & FORGOTTEN);~to forget acquires
block.rs~    unsafe fn forget(&self) {\n        let state = State(self.state.fetch_and(FORGOTTEN, Ordering::AcqRel) & FORGOTTEN);~    unsafe fn forget(&self) {\n        let state = State(self.state.fetch_and(FORGOTTEN, Ordering::Acquire) & FORGOTTEN);~to forget releases
block.rs~        let mut state = State(self.state.load(Ordering::Acquire));\n        // SAFETY: it is the gather, the slot is the current one, and `can_stay` says that it holds a waker.\n        let mut stays =\n            state.can_stay() && unsafe { self.with(state.slot(), |old| old.will_wake(parent)) } == Some(true);\n        let mut slot = Some(state.slot());\n        if !stays {\n            // SAFETY: as for this function.\n            (state, slot) = unsafe { self.change(parent) };\n        }\n        loop {\n            let looked = state.looked();\n            let next = slot.map_or(looked, |slot| looked.registered(slot));\n            if next == state {\n                break;\n            }\n            match self.step(state, next) {\n                Ok(()) => break,\n                // A wake came between, and its use has filled the count.\n                Err(now) if stays && !now.can_stay() => {\n                    stays = false;\n                    // SAFETY: as for this function.\n                    (state, slot) = unsafe { self.change(parent) };\n                }\n                Err(now) => state = now,\n            }\n        }\n        Woken { hint: state.hint(), more: state.more() }~        let woken = loop {\n            let state = State(self.state.load(Ordering::Acquire));\n            if self.step(state, state.looked()).is_ok() {\n                break state;\n            }\n        };\n        let mut state = State(self.state.load(Ordering::Acquire));\n        // SAFETY: it is the gather, the slot is the current one, and `can_stay` says that it holds a waker.\n        let mut stays =\n            state.can_stay() && unsafe { self.with(state.slot(), |old| old.will_wake(parent)) } == Some(true);\n        let mut slot = Some(state.slot());\n        if !stays {\n            // SAFETY: as for this function.\n            (state, slot) = unsafe { self.change(parent) };\n        }\n        loop {\n            let looked = state;\n            let next = slot.map_or(looked, |slot| looked.registered(slot));\n            if next == state {\n                break;\n            }\n            match self.step(state, next) {\n                Ok(()) => break,\n                // A wake came between, and its use has filled the count.\n                Err(now) if stays && !now.can_stay() => {\n                    stays = false;\n                    // SAFETY: as for this function.\n                    (state, slot) = unsafe { self.change(parent) };\n                }\n                Err(now) => state = now,\n            }\n        }\n        Woken { hint: woken.hint(), more: woken.more() }~the parent is registered before the gather looks who is awake
LIST
}

survivors=0 count=0
while IFS='~' read -r file old new rule; do
    [[ $rule == *"${1:-}"* ]] || continue
    FILE=$file OLD=$old NEW=$new perl -0777 -i -pe '
        my ($old, $new) = map { s/\\n/\n/gr } @ENV{"OLD", "NEW"};
        my $n = () = /\Q$old\E/g;
        die "$ENV{FILE}: found $n times: $old\n" if $n != 1;
        s/\Q$old\E/$new/;
    ' "$tree/src/wake/$file"
    count=$((count + 1))
    log=$tree/mutant.log
    if (
        cd "$tree"
        export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$tree/target} RUSTFLAGS="--cfg gather_cm_loom" LOOM_MAX_PREEMPTIONS=3
        cargo test --release --no-run --lib && timeout 300 cargo test --release --lib wake::loom
    ) >"$log" 2>&1; then
        echo "SURVIVED: $rule ($file: $old -> $new)"
        survivors=$((survivors + 1))
    elif ! grep -q 'test failed, to rerun' "$log" && grep -qE '^error' "$log"; then
        grep -m 3 -A 6 '^error' "$log"
        echo "DOES NOT COMPILE: $rule ($file)"
        survivors=$((survivors + 1))
    else
        echo "noticed: $rule ($(grep -oE 'wake::loom::\w+ \.\.\. FAILED|signal: [0-9]+' "$log" | sed 's/wake::loom:://; s/ \.\.\. FAILED//' | paste -sd' '))"
    fi
    cp "src/wake/$file" "$tree/src/wake/$file"
done < <(list)
echo "$((count - survivors)) of $count mutants noticed"
[ "$survivors" = 0 ] && [ "$count" -gt 0 ]
