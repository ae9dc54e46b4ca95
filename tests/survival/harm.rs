//! Each system call of a command fails once, also those that read, the process dies at each, and the disk is full from some
//! byte on. What must hold of every command is looked at here: the chain is whole, and an error says what happened.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output};

use blotter::record::event::Event;

use crate::person::{blotter, events, files, problems};
use crate::rig::{Rig, said};

/// What a message about the failure must contain one of, as libc and SQLite say it. SQLite opens for reading what it cannot
/// open for writing.
const SAYS: [&str; 6] =
    ["os error 5", "disk I/O error", "unable to open database file", "the ledger is read-only", "no room left", "os error 28"];

/// In a row of the same calls on the same file, such as the pages of one commit, only every so many are harmed; more of the
/// reads, which are fewer.
const STRIDE: u32 = 12;
const READ_STRIDE: u32 = 6;

/// By so many the calls of two runs may differ: what is recorded holds times, and one digit more can take a page more.
const SLACK: u32 = 8;

/// What is done to a command at its `n`th call.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Harm {
    /// It cannot be read.
    Unread,
    Eio,
    Enospc,
    Killed,
    /// The disk is full from some byte on, for good.
    Full,
}

/// A command whose calls are to be harmed.
pub(crate) struct Case<'a> {
    pub(crate) args: &'a [&'a str],
    /// A world as it was before the command, with all that the command reaches from there.
    pub(crate) fresh: &'a dyn Fn() -> Rig,
    /// How a command is put together.
    pub(crate) command: &'a dyn Fn(&Rig, &[&str]) -> Command,
    /// How it may end where it says what went wrong.
    pub(crate) codes: &'a [i32],
    /// Whether an error must say that these events are recorded.
    pub(crate) is_news: &'a dyn Fn(&[Event]) -> bool,
}

/// A run that was harmed, in a world of its own.
pub(crate) struct Harmed<'a> {
    case: &'a Case<'a>,
    pub(crate) rig: Rig,
    pub(crate) output: Output,
    pub(crate) how: Harm,
    /// What was harmed, for messages.
    pub(crate) which: String,
    /// A failure of `unlink` cannot be cleaned up after.
    leaves: bool,
}

/// Runs `args` in copies of `world`, with its calls harmed in turn.
pub(crate) fn harm_each_call(world: &Rig, args: &[&str], check: impl Fn(&Harmed<'_>)) {
    let fresh = || Rig::like(&world.world());
    Case { args, fresh: &fresh, command: &blotter, codes: &[1], is_news: &|new| !new.is_empty() }.harm_each_call(check);
}

impl Case<'_> {
    /// The numbers of the calls to harm, reads or all others, and how many there are.
    fn calls(&self, reads: bool) -> (Vec<u32>, u32) {
        let rig = (self.fresh)();
        let settings = [("TRACE", "1".to_owned()), ("READS", u8::from(reads).to_string())];
        let output = rig.shimmed((self.command)(&rig, self.args), &settings).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let stride = if reads { READ_STRIDE } else { STRIDE };
        let (mut chosen, mut row, mut last, mut n) = (Vec::new(), 0_u32, String::new(), 0);
        for call in rig.done().lines() {
            n += 1;
            row = if call == last { row + 1 } else { 0 };
            if row.is_multiple_of(stride) {
                chosen.push(n);
            }
            call.clone_into(&mut last);
        }
        assert!(n > 10, "the shim sees nothing");
        (chosen, n)
    }

    /// Harms the command's calls in turn. Looks at what holds of every command, and hands over to `check` what is special.
    pub(crate) fn harm_each_call(&self, check: impl Fn(&Harmed<'_>)) {
        let before = events(&(self.fresh)().store()).unwrap();
        let (others, reads) = (self.calls(false), self.calls(true));
        for how in [Harm::Unread, Harm::Eio, Harm::Enospc, Harm::Killed, Harm::Full] {
            let (chosen, all) = if how == Harm::Unread { &reads } else { &others };
            let all = *all;
            let rooms = || std::iter::successors(Some(0), |room| Some(room * 4 + 100));
            let when: Vec<u32> = match how {
                Harm::Full => rooms().take(10).collect(),
                _ => chosen.iter().copied().chain(all + 1..=all + SLACK).collect(),
            };
            let last = when.last().copied();
            for n in when {
                let Some(harmed) = self.harm(how, n) else {
                    let is_end = if how == Harm::Full { n > 0 } else { n + SLACK > all };
                    assert!(is_end, "`blotter {}`: nothing was harmed at call {n}, {how:?}", self.args.join(" "));
                    break;
                };
                assert!(how == Harm::Full || last != Some(n), "there are more calls than were counted: {}", harmed.which);
                harmed.is_sound(&before);
                check(&harmed);
            }
        }
    }

    /// Runs the command and harms its `n`th call; `None` when it made fewer.
    fn harm(&self, how: Harm, n: u32) -> Option<Harmed<'_>> {
        let rig = (self.fresh)();
        let settings = match how {
            Harm::Unread => [("FAIL_AT", n.to_string()), ("READS", "1".to_owned())],
            Harm::Eio => [("FAIL_AT", n.to_string()), ("ERRNO", "5".to_owned())],
            Harm::Enospc => [("FAIL_AT", n.to_string()), ("ERRNO", "28".to_owned())],
            Harm::Full => [("ROOM", n.to_string()), ("ERRNO", "28".to_owned())],
            Harm::Killed => [("KILL_AT", n.to_string()), ("KILL", "half".to_owned())],
        };
        let output = rig.shimmed((self.command)(&rig, self.args), &settings).output().unwrap();
        let done = rig.done();
        let which = format!("`blotter {}`, call {n}, {how:?}: {}\n{}", self.args.join(" "), done.trim(), said(&output));
        if done.is_empty() {
            assert!(output.status.success(), "it failed by itself: {which}");
            return None;
        }
        Some(Harmed { case: self, leaves: how == Harm::Killed || done.contains("unlink"), rig, output, how, which })
    }
}

impl Harmed<'_> {
    /// What holds of every command: how it ends, that what was there is there, and that the chain is whole.
    fn is_sound(&self, before: &[Event]) {
        let (which, error) = (&self.which, self.error());
        let told = match self.output.status.code() {
            None => {
                assert_eq!((self.output.status.signal(), self.how), (Some(9), Harm::Killed), "{which}");
                false
            }
            Some(0) => false,
            Some(code) => {
                assert!(self.case.codes.contains(&code), "an unexpected end: {which}");
                // SQLite takes a page that cannot be read for a damaged one.
                let says = |s: &&str| error.contains(*s) || (self.how == Harm::Unread && error.contains("the disk could not be read"));
                assert!(error.contains("error: ") && SAYS.iter().any(says), "an error that says little: {which}");
                true
            }
        };
        let after = events(&self.rig.store()).unwrap_or_else(|e| panic!("{e}: {which}"));
        let hashes = |events: &[Event]| events.iter().map(|e| e.hash).collect::<Vec<_>>();
        assert!(hashes(&after).starts_with(&hashes(before)), "what was there before has changed: {which}");
        self.is_whole(&[]);
        if told && (self.case.is_news)(&after[before.len()..]) {
            assert!(error.contains("ecorded"), "it does not say that it is recorded: {which}");
        }
    }

    /// The chain is whole after the command and what came after it.
    fn is_whole(&self, then: &[&str]) {
        // Whoever could not read the key recorded unsigned, and said so; the next checkpoint covers it.
        let unsigned = self.error().contains("recorded, but unsigned");
        let problems = problems(&self.rig.store()).into_iter().filter(|p| !(unsigned && p.starts_with("unsigned: ")));
        assert_eq!(problems.collect::<Vec<_>>(), [""; 0], "{}\nand then {then:?}", self.which);
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.output.status.success()
    }

    /// What it printed to standard error.
    pub(crate) fn error(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        events(&self.rig.store()).unwrap()
    }

    /// Another command in the same world, which leaves the chain whole.
    pub(crate) fn next(&self, args: &[&str]) -> Output {
        let output = (self.case.command)(&self.rig, args).output().unwrap();
        self.is_whole(args);
        output
    }

    /// [`Harmed::next`], which has to work and to record something.
    pub(crate) fn then(&self, args: &[&str]) -> Output {
        let output = self.next(args);
        assert!(output.status.success(), "the next run, `blotter {}`: {}\nafter {}", args.join(" "), said(&output), self.which);
        assert_eq!(problems(&self.rig.store()), [""; 0], "{}\nand then {args:?}", self.which);
        output
    }

    /// No draft lies about.
    pub(crate) fn is_tidy(&self) {
        let draft = |name: &&String| [".new-", ".checkpoint-", ".blotter-"].iter().any(|d| name.contains(d));
        let left: Vec<String> = files(&self.rig.world()).keys().filter(draft).cloned().collect();
        assert!(self.leaves || left.is_empty(), "left {left:?}: {}", self.which);
    }
}
