//! Firmware that powers devices up together, uses them, and powers them down together, in scenes that check themselves.
//! A check that fails ends the program, and QEMU, with status 1.
#![no_std]
#![no_main]

use core::{
    cell::Cell,
    future::pending,
    ops::{Deref, DerefMut},
    panic::PanicInfo,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use embassy_executor::Spawner;
use embassy_futures::select::{Either, select};
use embassy_sync::{blocking_mutex::raw::NoopRawMutex, signal::Signal};
use embassy_time::Timer;
use gather_cm::{Cause, EnterExt, Exit, ExitCase, Member, gather};
use no_std_check::{
    board,
    devices::{
        Fault, Plan, RADIO_DOWN, RADIO_RAMP_DOWN, RADIO_UP, Radio, RadioError, SENSOR_DOWN, SENSOR_UP, Sensor, Silent,
        Uart, work,
    },
    say,
};

/// Records what became of each device, in ticks since the start of its scene.
#[derive(Default)]
struct Log {
    start: Cell<u32>,
    devices: [Record; 3],
}

#[derive(Default)]
struct Record {
    entered: Cell<u32>,
    told: Cell<Option<ExitCase>>,
    began: Cell<u32>,
    exited: Cell<u32>,
    abandoned: Cell<bool>,
}

const NAMES: [&str; 3] = ["uart", "sensor", "radio"];

impl Log {
    /// Begins a scene.
    fn start(name: &str) -> Self {
        say!(name, "\n");
        let log = Self::default();
        log.start.set(board::now());
        log
    }

    fn now(&self) -> u32 {
        board::now() - self.start.get()
    }

    /// Returns when the exits began, all in the same tick, and how long they took. Returns `None` if no device has
    /// received a case.
    fn exits(&self) -> Option<(u32, u32)> {
        let mut phase = None;
        for device in self.devices.iter().filter(|device| device.told.get().is_some()) {
            let (began, taken) = phase.unwrap_or((device.began.get(), 0));
            check("all exits begin together", began == device.began.get());
            phase = Some((began, taken.max(device.exited.get() - began)));
        }
        phase
    }

    /// Ends a scene. Checks that exactly the devices that `entered` names have received `case`, and that no device is
    /// left on.
    fn end(&self, case: ExitCase, entered: [bool; 3]) {
        let (mut enters_apart, mut exits_apart) = (0, 0);
        for ((device, name), entered) in self.devices.iter().zip(NAMES).zip(entered) {
            let (at, began, exited) = (device.entered.get(), device.began.get(), device.exited.get());
            check("told how it ended, if it was entered", device.told.get() == entered.then_some(case));
            check("not both exited and abandoned", !device.abandoned.get());
            if entered {
                say!(
                    "  ",
                    name,
                    ": entered at ",
                    at,
                    ", told ",
                    case_name(case),
                    " at ",
                    began,
                    ", exited at ",
                    exited,
                    "\n"
                );
                enters_apart += at;
                exits_apart += exited - began;
            }
        }
        let (began, taken) = self.exits().unwrap_or_default();
        say!("  entered in ", self.entered_in(), " ticks, which are ", enters_apart, " one by one");
        say!("; exited in ", taken, ", which are ", exits_apart, "; ended at ", began + taken, "\n");
        self.all_off();
    }

    fn entered_in(&self) -> u32 {
        self.devices.iter().map(|device| device.entered.get()).max().unwrap_or_default()
    }

    fn all_off(&self) {
        check("no device has power", !board::any_power() && !board::uart_is_on());
    }
}

fn case_name(case: ExitCase) -> &'static str {
    match case {
        ExitCase::Completed => "Completed",
        ExitCase::Failed => "Failed",
        ExitCase::Cancelled => "Cancelled",
        ExitCase::EnterFailed => "EnterFailed",
        _ => "what nobody expects",
    }
}

fn check(what: &str, holds: bool) {
    if !holds {
        say!("FAILED: ", what, "\n");
        semihosting::process::exit(1);
    }
}

/// A device whose life is recorded.
struct Watched<'a, V> {
    device: V,
    log: &'a Log,
    record: &'a Record,
}

async fn watch<V, E>(log: &Log, index: usize, member: impl Future<Output = Result<V, E>>) -> Result<Watched<'_, V>, E> {
    let device = member.await?;
    let record = &log.devices[index];
    record.entered.set(log.now());
    Ok(Watched { device, log, record })
}

impl<V> Deref for Watched<'_, V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.device
    }
}

impl<V> DerefMut for Watched<'_, V> {
    fn deref_mut(&mut self) -> &mut V {
        &mut self.device
    }
}

impl<V: Exit> Exit for Watched<'_, V> {
    type Error = V::Error;
    type Verdict = V::Verdict;

    async fn exit(self, case: ExitCase) -> Result<V::Verdict, V::Error> {
        self.record.told.set(Some(case));
        self.record.began.set(self.log.now());
        let _exited = Exited { log: self.log, record: self.record };
        self.device.exit(case).await
    }

    fn abandon(self) {
        self.record.abandoned.set(true);
        self.device.abandon();
    }
}

/// Records when the exit of a device has ended, or was cut short at its deadline.
struct Exited<'a> {
    log: &'a Log,
    record: &'a Record,
}

impl Drop for Exited<'_> {
    fn drop(&mut self) {
        self.record.exited.set(self.log.now());
    }
}

/// Makes the devices, with error types of their own, members of one group.
fn devices(
    log: &Log,
    plan: Plan,
) -> (
    impl Member<Value = Watched<'_, Uart>, Error = Fault>,
    impl Member<Value = Watched<'_, Sensor>, Error = Fault>,
    impl Member<Value = Watched<'_, Radio>, Error = Fault>,
) {
    (
        watch(log, 0, Uart::open()).errors_into(),
        watch(log, 1, Sensor::power_up(plan)).errors_into(),
        watch(log, 2, Radio::power_up(plan)).errors_into(),
    )
}

async fn all_well() {
    let log = Log::start("all well");
    let result = gather(devices(&log, Plan::default()))
        .with_own_error(async |(uart, sensor, radio)| {
            check("the body runs when the last is entered", log.now() == SENSOR_UP);
            work(uart, sensor, radio).await
        })
        .await;
    check("the body's value comes back", matches!(result, Ok(3)));
    check("all enter in the time of the slowest", log.entered_in() == SENSOR_UP);
    check("all exit in the time of the slowest", log.exits() == Some((SENSOR_UP + 6, RADIO_DOWN)));
    log.end(ExitCase::Completed, [true; 3]);
}

async fn radio_does_not_power_up() {
    let log = Log::start("the radio does not power up");
    let result = gather(devices(&log, Plan { no_network: true, ..Plan::default() }))
        .with(async |_| Ok(check("the body is not called", false)))
        .await;
    let Err(failure) = result else { return check("the group fails", false) };
    let Cause::Enter(errors) = failure.cause else { return check("for an enter", false) };
    check("of the radio", errors.get(2) == Some(&Fault::Radio(RadioError::NoNetwork)) && errors.len() == 1);
    check("and nothing else", failure.exits.is_empty());
    check("the sensor settles, and is exited", log.exits() == Some((SENSOR_UP, SENSOR_DOWN)));
    log.end(ExitCase::EnterFailed, [true, true, false]);
}

async fn body_fails() {
    let log = Log::start("the body fails, and so does an exit");
    let plan = Plan { silent: true, restless: true, ..Plan::default() };
    let result =
        gather(devices(&log, plan)).with_own_error(async |(uart, sensor, radio)| work(uart, sensor, radio).await).await;
    let Err(failure) = result else { return check("the group fails", false) };
    check("the body's error is the cause", matches!(failure.cause, Cause::Body(Silent)));
    check("the exit's error stands beside it", matches!(failure.exits.get(1), Some(Fault::Sensor(_))));
    check("no exit stops another", failure.exits.len() == 1);
    check("all are exited together", log.exits() == Some((SENSOR_UP + 1, RADIO_RAMP_DOWN)));
    log.end(ExitCase::Failed, [true; 3]);
}

async fn stopped_by_a_timer() {
    let log = Log::start("a timer stops the body");
    let result = gather(devices(&log, Plan::default()))
        .cancel_on(Timer::after_ticks(60))
        .with(async |(uart, ..)| {
            uart.write(b"waiting\n");
            pending::<Result<(), _>>().await
        })
        .await;
    check(
        "the cause is that it was stopped",
        matches!(result, Err(failure) if matches!(failure.cause, Cause::Cancelled { .. })),
    );
    check("all are exited together, when the time is up", log.exits() == Some((60, RADIO_RAMP_DOWN)));
    log.end(ExitCase::Cancelled, [true; 3]);
}

async fn stopped_by_an_interrupt() {
    let log = Log::start("an interrupt stops the entering");
    board::STOP.reset();
    board::start_stop_timer(RADIO_UP + 5);
    let result = gather(devices(&log, Plan::default()))
        .cancel_on(board::STOP.wait())
        .with(async |_| Ok(check("the body is not called", false)))
        .await;
    check(
        "the cause is that it was stopped",
        matches!(result, Err(failure) if matches!(failure.cause, Cause::Cancelled { .. })),
    );
    // The two timers do not tick at the same instant.
    let stopped = log.exits().is_some_and(|(at, taken)| at.abs_diff(RADIO_UP + 5) <= 1 && taken == RADIO_RAMP_DOWN);
    check("those that had entered are exited together, at the interrupt", stopped);
    log.end(ExitCase::Cancelled, [true, false, true]);
}

async fn an_exit_is_late() {
    let log = Log::start("the radio does not power down in time");
    let plan = Plan { hangs: true, ..Plan::default() };
    let (uart, sensor, _) = devices(&log, plan);
    let late = async || {
        Timer::after_ticks(70).await;
        RadioError::Late
    };
    let radio = watch(&log, 2, Radio::power_up(plan)).exit_within(late).errors_into();
    let result = gather((uart, sensor, radio))
        .with_own_error(async |(uart, sensor, radio)| work(uart, sensor, radio).await)
        .keep_value()
        .await;
    let Ok((value, exits)) = result else { return check("only an exit fails", false) };
    check("the body's value is not lost", value == 3);
    check("it was the radio", exits.get(2) == Some(&Fault::Radio(RadioError::Late)) && exits.len() == 1);
    check("at its deadline", log.exits() == Some((SENSOR_UP + 6, 70)));
    log.end(ExitCase::Completed, [true; 3]);
}

async fn the_future_is_dropped() {
    let log = Log::start("the future is dropped");
    let gather = gather(devices(&log, Plan::default())).with(async |_| pending::<Result<(), _>>().await);
    let first = select(gather, Timer::after_ticks(RADIO_UP as u64 + 5)).await;
    check("the timer is first", matches!(first, Either::Second(())));
    let abandoned = log.devices.each_ref().map(|device| device.abandoned.get());
    check("what was held is abandoned", abandoned == [true, false, true]);
    check("nothing is exited", log.exits().is_none());
    log.all_off();
}

/// A network that answers only while its runner is polled.
struct Net {
    request: Signal<NoopRawMutex, u32>,
    answer: Signal<NoopRawMutex, u32>,
    /// How often the runner has found nothing to do for `BEAT` ticks.
    beats: Cell<u32>,
}

const BEAT: u32 = 10;

impl Net {
    async fn run(&self) -> ! {
        loop {
            match select(self.request.wait(), Timer::after_ticks(BEAT.into())).await {
                Either::First(request) => self.answer.signal(request * request),
                Either::Second(()) => self.beats.set(self.beats.get() + 1),
            }
        }
    }

    async fn ask(&self, request: u32) -> u32 {
        self.request.signal(request);
        self.answer.wait().await
    }
}

/// A driver that records when it is dropped. The runner itself is pinned outside of the gather.
struct Runner<'a, F> {
    run: Pin<&'a mut F>,
    log: &'a Log,
    dropped: &'a Cell<Option<u32>>,
}

impl<F: Future> Future for Runner<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.run.as_mut().poll(cx)
    }
}

impl<F> Drop for Runner<'_, F> {
    fn drop(&mut self) {
        self.dropped.set(Some(self.log.now()));
    }
}

async fn a_runner_is_driven() {
    let log = Log::start("a runner that never ends is driven");
    let net = Net { request: Signal::new(), answer: Signal::new(), beats: Cell::new(0) };
    let (exited, dropped) = (Cell::new(None), Cell::new(None));
    let mut run = pin!(net.run());
    let runner = Runner { run: run.as_mut(), log: &log, dropped: &dropped };
    let driven = async { Ok::<_, Fault>((&net, runner)) }.driven().exit_with(async |net: &Net, _| {
        check("the runner answers the exit", net.ask(5).await == 25);
        check("the runner is there until the exit has finished", dropped.get().is_none());
        exited.set(Some(log.now()));
        Ok(())
    });
    let (uart, sensor, radio) = devices(&log, Plan::default());
    let result = gather((driven, uart, sensor, radio))
        .with_own_error(async |(net, uart, sensor, radio)| {
            check("the runner runs while the others enter", net.beats.get() + 1 >= SENSOR_UP / BEAT);
            check("the runner answers the body", net.ask(7).await == 49);
            work(uart, sensor, radio).await
        })
        .await;
    check("the body's value comes back", matches!(result, Ok(3)));
    check("the runner is dropped along with its exit", exited.get().is_some() && dropped.get() == exited.get());
    check("all exit in the time of the slowest", log.exits().is_some_and(|(_, taken)| taken == RADIO_DOWN));
    let beats = net.beats.get();
    select(run, Timer::after_ticks(3 * u64::from(BEAT))).await;
    check("what is pinned outside is still there", net.beats.get() > beats);
    log.end(ExitCase::Completed, [true; 3]);
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    board::start();
    all_well().await;
    radio_does_not_power_up().await;
    body_fails().await;
    stopped_by_a_timer().await;
    stopped_by_an_interrupt().await;
    an_exit_is_late().await;
    the_future_is_dropped().await;
    a_runner_is_driven().await;
    say!("all scenes passed at tick ", board::now(), "\n");
    semihosting::process::exit(0)
}

/// It does not say where and why, because a handler that looks into `PanicInfo` puts core's formatting into the image.
#[panic_handler]
fn panicked(_: &PanicInfo) -> ! {
    say!("panicked\n");
    semihosting::process::exit(2)
}
