//! An erasure that fails or dies half way: all of it is there, or nothing is.

use std::path::Path;
use std::process::{Command, Stdio};

use blotter::record::event::{Event, Facts};
use blotter::record::id::Hash;
use blotter::store::{Access, Store};

use crate::harm::{Case, Harmed};
use crate::person::events;
use crate::rig::said;
use crate::team::Team;

const ERASE: [&str; 3] = ["erase", "--signature", "request.txt.sig"];
/// What stands in the note and in the attached file, and nowhere else.
const WORDS: [&str; 3] = ["Hildegard", "hildegard", "Rue du"];

/// A team with a signed request to erase `what`, `1.2` (a note) or `1.e1` (a file).
fn about_to_erase(what: &str) -> Team {
    let team = Team::beside("INC-001");
    let dump = team.rig.home().join("dump.txt");
    std::fs::write(&dump, "Hildegard, 42, Rue du Secret").unwrap();
    team.run(&["open", "ROLL-1", "--no-probes"]);
    match what {
        "1.2" => team.run(&["note", "Hildegard, Rue du Secret 4"]),
        _ => team.run(&["attach", dump.to_str().unwrap()]),
    };
    let request = team.rig.world().join("request.txt");
    std::fs::write(&request, team.run(&["erase", what, "--reason", "an address"]).stdout).unwrap();
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-Y", "sign", "-n", "approval@blotter", "-f"]).arg(team.key()).arg(&request).stderr(Stdio::null());
    assert!(sign.status().unwrap().success());
    assert!(!left(&team.rig.store()).is_empty(), "there is nothing to erase");
    team.rig.settle();
    team
}

/// Where any of the words still stands: names of files in the ledger's folder.
fn left(store: &Path) -> Vec<String> {
    let files = std::fs::read_dir(store.parent().unwrap()).unwrap().map(|e| e.unwrap().path());
    let has = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        WORDS.iter().any(|word| bytes.windows(word.len()).any(|w| w == word.as_bytes()))
    };
    files.filter(|path| has(path)).map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

fn is_erased(events: &[Event]) -> bool {
    events.iter().any(|e| matches!(e.facts, Facts::PayloadErased(_)))
}

/// Whether the words can be read and found: both or neither, and with them the bytes of an attached file.
fn is_found(h: &Harmed<'_>, file: Option<Hash>) -> bool {
    let readable = h.events()[1].facts != Facts::Erased;
    let store = Store::open(&h.rig.store(), Access::Read).unwrap();
    let found = store.search("Hildegard", 10, &mut |_, _, _| Ok(true)).unwrap().len();
    let kept = file.map_or(readable, |digest| store.blob_bytes(&digest).is_ok());
    assert_eq!((found, kept), (usize::from(readable), readable), "gone from one place, still in another: {}", h.which);
    readable
}

fn all_or_nothing(what: &str) {
    let team = about_to_erase(what);
    let file = events(&team.rig.store()).unwrap().iter().find_map(|e| match &e.facts {
        Facts::EvidenceAttached(x) => Some(x.blob.digest),
        _ => None,
    });
    let case = Case {
        args: &ERASE,
        fresh: &|| team.fresh(),
        command: &|rig, args| team.command(rig, args),
        // 2: a file named on the command line cannot be read.
        codes: &[1, 2],
        is_news: &is_erased,
    };
    case.harm_each_call(|h| {
        let (erased, which) = (is_erased(&h.events()), &h.which);
        assert_eq!(is_found(h, file), !erased, "erased: {erased}, {which}");
        assert!(!h.succeeded() || (erased && left(&h.rig.store()).is_empty()), "{which}");
        let next = h.next(&ERASE);
        let (code, text) = if erased { (12, "is erased already") } else { (0, " erased, allowed by T-JOSH") };
        assert!(next.status.code() == Some(code) && said(&next).contains(text), "the next run: {}\nafter {which}", said(&next));
        assert_eq!(left(&h.rig.store()), [""; 0], "bytes are left: {which}");
        assert!(is_erased(&h.events()) && !is_found(h, file), "{which}");
        h.then(&["note", "it is gone"]);
        h.is_tidy();
    });
}

#[test]
fn each_call_of_the_erasure_of_a_note_may_fail() {
    all_or_nothing("1.2");
}

#[test]
fn each_call_of_the_erasure_of_a_file_may_fail() {
    all_or_nothing("1.e1");
}
