//! What families tell.

use super::super::cells::count_as_worker;
use super::*;
use std::thread;
use std::time::Duration;

/// The page's lines that are no comments.
fn page(families: &[Arc<dyn Told>]) -> Vec<String> {
    let told: Vec<_> =
        families.iter().map(|family| family.tell()).filter(|told| !told.get_metric().is_empty()).collect();
    let text = prometheus::TextEncoder::new().encode_to_string(&told).unwrap_or_default();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// Does this as each of the workers at once.
fn as_workers(workers: usize, what: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for worker in 0..workers {
            let what = &what;
            scope.spawn(move || {
                count_as_worker(worker);
                what(worker);
            });
        }
    });
}

#[test]
fn what_workers_count_in_cells_of_their_own_is_one_series() {
    let mut make = Families::new(3);
    let requests = make.counters("requests_total", "Requests.", &["route"]);
    let open = make.gauges("open", "Open.", &["route"]);
    let seconds = make.seconds("seconds", "Durations.", &["route"], &[0.1, 1.0]);
    let both = open.with_label_values(&["/"]);
    // The last one is one more than there are, as other threads are.
    as_workers(4, |worker| {
        let cell = requests.with_label_values(&["/"]);
        (0..1000).for_each(|_| cell.inc());
        open.with_label_values(&["/"]).inc();
        seconds.with_label_values(&["/"]).observe(Duration::from_millis(60 * worker as u64));
    });
    both.dec();
    assert_eq!(
        page(&make.made()[1..]),
        [
            r#"requests_total{route="/"} 4000"#,
            r#"open{route="/"} 3"#,
            r#"seconds_bucket{route="/",le="0.1"} 2"#,
            r#"seconds_bucket{route="/",le="1"} 4"#,
            r#"seconds_bucket{route="/",le="+Inf"} 4"#,
            r#"seconds_sum{route="/"} 0.36"#,
            r#"seconds_count{route="/"} 4"#,
        ]
    );
    assert_eq!((requests.sum().get(), open.total(&["/"]).get()), (4000, 3));
}

#[test]
fn no_two_workers_count_in_one_cell() {
    let family = Families::new(2).counters("requests_total", "Requests.", &[]);
    let cells = Mutex::new(Vec::new());
    as_workers(2, |_| {
        cells.lock().unwrap_or_else(PoisonError::into_inner).push(family.with_label_values(&[]))
    });
    let cells = cells.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(!Arc::ptr_eq(&cells[0], &cells[1]));
    assert!(Arc::ptr_eq(&family.with_label_values(&[]), &family.with_label_values(&[])));
}

#[test]
fn a_family_stops_at_its_limit_whoever_adds_to_it_and_counts_the_rest_under_overflow() {
    let mut make = Families::new(2);
    let family = make.counters("requests_total", "Requests.", &["server", "route"]);
    as_workers(2, |worker| {
        for number in 0..MOST {
            family.with_label_values(&["a.test", &(number + worker * 3).to_string()]).inc();
        }
    });
    let page = page(&make.made());
    assert_eq!(page.len(), MOST + 2);
    let value = |series: &str| page.iter().find_map(|line| line.strip_prefix(series));
    let lookups = value(r#"vordr_metrics_overflow_total{family="requests_total"}"#);
    assert!(lookups.is_some_and(|lookups| lookups != " 0"), "{lookups:?}");
    assert_eq!(value(r#"requests_total{route="_overflow",server="_overflow"}"#), lookups);
    assert_eq!(family.sum().get(), 2 * MOST as u64);
}

#[test]
fn what_is_not_told_again_is_no_longer_on_the_page() {
    let mut make = Families::new(1);
    let family = make.readings("up", "Up.", &["upstream"]);
    family.set([(["kept"], 1.0), (["removed"], 1.0)]);
    family.set([(["kept"], 0.0)]);
    assert_eq!(page(&make.made()[1..]), [r#"up{upstream="kept"} 0"#]);
}

#[test]
fn what_the_rules_do_not_name_any_more_is_told_once_and_forgotten() {
    let mut make = Families::new(1);
    let family = make.counters("requests_total", "Requests.", &["server", "route"]);
    for route in ["/kept", "/removed"] {
        family.with_label_values(&["a.test", route]).inc();
    }
    let families = make.made();
    let named = Named::of_route("a.test", "/kept");
    let scrape = || {
        families.iter().for_each(|family| family.forget(&named));
        page(&families[1..]).len()
    };
    assert_eq!((scrape(), scrape(), scrape()), (2, 1, 1));
    assert_eq!(family.sum().get(), 1);
}

#[test]
fn values_are_told_apart_wherever_one_ends() {
    assert_ne!(key(&["a", "bc"]), key(&["ab", "c"]));
}

#[test]
fn what_is_counted_down_was_counted_up_in_the_same_series() {
    let family = Families::new(1).gauges("open", "Open.", &["route"]);
    for number in 0..2 * MOST {
        family.with_label_values(&[&number.to_string()]).inc();
    }
    for number in 0..2 * MOST {
        family.with_label_values(&[&number.to_string()]).dec();
    }
    assert!(family.cells.all().all(|cells| cells.all().values().all(|cell| cell.get() == 0)));
}

#[test]
fn what_clients_make_up_takes_no_place_from_coarser_series() {
    let mut make = Families::new(1);
    let family = make.counters("requests_total", "Requests.", &["route", "method", "code"]);
    for code in 0..2 * MOST {
        family.with_either(&["/", "GET", &code.to_string()], &["/", OVERFLOW, "2xx"]).inc();
    }
    family.with_either(&["/late", "GET", "502"], &["/late", OVERFLOW, "5xx"]).inc();
    family.with_either(&["/late", "PUT", "503"], &["/late", OVERFLOW, "5xx"]).inc();
    assert_eq!(family.total(&["/", OVERFLOW, "2xx"]).get(), (MOST + KEPT) as u64);
    assert_eq!(family.total(&["/late", OVERFLOW, "5xx"]).get(), 2);
    for route in 0..MOST {
        let route = route.to_string();
        family.with_either(&[&route, "GET", "200"], &[&route, OVERFLOW, "2xx"]).inc();
    }
    assert_eq!(family.series.len(), MOST + 1);
    assert_eq!(family.sum().get(), 3 * MOST as u64 + 2);
}

#[test]
fn readings_of_one_series_are_merged() {
    let mut make = Families::new(1);
    let family = make.readings("not_after", "Not after.", &["server"]);
    family.set_merged([(["a"], 3.0), (["b"], 1.0), (["a"], 2.0)], f64::min);
    assert_eq!(page(&make.made()[1..]), [r#"not_after{server="a"} 2"#, r#"not_after{server="b"} 1"#]);
}
