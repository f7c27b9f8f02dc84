//! Debian's nginx and vordr under its name, with the same file, the same upstream and the same requests: what the client
//! is answered and what the upstream sees is to be the same. The same goes for the KDL that `vordr import` makes of the file.
//!
//! `CASE=word` runs the cases whose name has that word in it, and prints what they told.

mod case;
mod server;
mod tls;
mod told;

use case::Case;
use server::Program;
use std::collections::BTreeSet;
use told::{Told, difference};

/// What came of a case.
struct Outcome {
    case: Case,
    difference: Option<String>,
    /// Where the KDL of the file does something else than the file.
    in_kdl: Option<String>,
}

impl Outcome {
    async fn of(case: Case) -> Self {
        let of_vordr = async {
            let vordr = Told::by(Program::Vordr, &case).await;
            // Where the file is refused, its KDL lacks what was refused.
            let in_kdl = match &vordr {
                Ok(vordr) => match Told::by(Program::VordrWithKdl, &case).await {
                    Ok(kdl) => difference(vordr, &kdl),
                    Err(said) => Some(said),
                },
                Err(_) => None,
            };
            (vordr, in_kdl)
        };
        let (nginx, (vordr, in_kdl)) = tokio::join!(Told::by(Program::Nginx, &case), of_vordr);
        let nginx = nginx.expect("a file that nginx takes");
        if std::env::var_os("CASE").is_some() {
            println!("{}\nnginx {nginx:#?}\nvordr {vordr:#?}", case.name);
        }
        let difference = match vordr {
            Ok(vordr) => difference(&nginx, &vordr),
            Err(said) => {
                Some(said.lines().filter(|line| line.contains("[emerg]")).collect::<Vec<_>>().join("\n"))
            }
        };
        Self { case, difference, in_kdl }
    }

    /// What is wrong with it.
    fn fault(&self) -> Option<String> {
        let Case { name, meant, not_yet, .. } = &self.case;
        if let Some(difference) = &self.in_kdl {
            return Some(format!("{name}, as a file (nginx) and as KDL (vordr)\n{difference}"));
        }
        match (&self.difference, meant.is_some() || *not_yet) {
            (Some(difference), false) => Some(format!("{name}\n{difference}")),
            (None, true) => Some(format!("{name}: is said to differ, and is the same")),
            (None, false) | (Some(_), true) => None,
        }
    }
}

#[tokio::test]
async fn a_file_of_nginx_is_served_as_nginx_serves_it() {
    let wanted = std::env::var("CASE").unwrap_or_default();
    let cases = case::all().into_iter().filter(|case| case.name.contains(&wanted));
    let mut outcomes = Vec::new();
    for case in cases {
        outcomes.push(Outcome::of(case).await);
    }
    let count = |fits: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| fits(outcome)).count();
    println!(
        "{} cases: {} the same, {} meant to differ, {} not the same yet",
        outcomes.len(),
        count(|outcome| outcome.difference.is_none()),
        count(|outcome| outcome.case.meant.is_some()),
        count(|outcome| outcome.case.not_yet),
    );
    let faults: Vec<_> = outcomes.iter().filter_map(Outcome::fault).collect();
    assert!(faults.is_empty(), "{} differ:\n\n{}", faults.len(), faults.join("\n\n"));
}

#[test]
fn each_difference_that_is_meant_has_its_reason_in_the_docs() {
    let page = include_str!("../docs/from-nginx.md");
    let meant: BTreeSet<_> = case::all().into_iter().filter_map(|case| case.meant).collect();
    for reason in meant {
        assert!(page.contains(&format!("**{reason}.**")), "docs/from-nginx.md does not tell of {reason:?}");
    }
}
