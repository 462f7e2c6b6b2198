//! Fewer workers while there is little to do: `cheaper` and its relatives, `cheap`, `idle`.

use super::settings::Draft;
use super::value::written;
use crate::expand::{Applied, Expansion, truth};
use crate::instance::CheaperAlgorithm;

/// Cycles or connections; as uWSGI.
const OVERLOAD: u32 = 3;

/// Give an option's value to the draft. False: it is none of these.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let (said, to) = (&mut d.said, &mut d.dynamic);
    let on = truth(a.value.as_deref());
    match a.fact.name {
        "cheaper" => to.cheaper = said.number32(a).unwrap_or(0),
        "cheaper-initial" => to.initial = said.number32(a).unwrap_or(0),
        "cheaper-step" => to.step = said.number32(a).unwrap_or(0),
        "cheaper-overload" => to.overload = said.number32(a).unwrap_or(0),
        "cheaper-rss-limit-soft" => to.rss_soft = said.number(a).unwrap_or(0),
        "cheaper-rss-limit-hard" => to.rss_hard = said.number(a).unwrap_or(0),
        "cheaper-algo" => algorithm(d, a),
        "cheap" => to.cheap = on,
        "idle" => to.idle = said.number32(a).unwrap_or(0),
        "die-on-idle" => to.die_on_idle = on,
        _ => return false,
    }
    true
}

fn algorithm(d: &mut Draft, a: &Applied) {
    d.dynamic.algorithm = match a.value.as_deref().unwrap_or_default() {
        b"spare" => CheaperAlgorithm::Spare,
        b"backlog" => CheaperAlgorithm::Backlog,
        b"manual" => CheaperAlgorithm::Manual,
        b"busyness" => {
            let message = format!("{}: that algorithm does not exist here, spare decides", written(a));
            d.said.warning(a, "cheaper-algo", message).help =
                Some("write spare (busy workers) or backlog (waiting connections)".into());
            CheaperAlgorithm::Spare
        }
        _ => {
            let message = format!("{} is no algorithm: spare decides, as on uWSGI", written(a));
            d.said.warning(a, "cheaper-algo", message).help = Some("write spare, backlog or manual".into());
            CheaperAlgorithm::Spare
        }
    };
}

/// Defaults, and what contradicts other options.
pub(super) fn finish(d: &mut Draft, expansion: &Expansion) {
    let given = |name: &str| expansion.applied.iter().rfind(|a| a.fact.name == name);
    if given("cheaper-overload").is_none() {
        d.dynamic.overload = OVERLOAD;
    }
    let (cheaper, workers) = (d.dynamic.cheaper, d.workers.unwrap_or(1));
    if let Some(a) = given("cheaper").filter(|_| cheaper >= workers && cheaper > 0) {
        let message = format!("cheaper ({cheaper}) must be below workers ({workers}): all workers stay");
        d.said.warning(a, "cheaper-too-high", message).help =
            Some("lower cheaper, or raise workers; uWSGI refuses to start".into());
    }
    let parameters = ["cheaper-initial", "cheaper-step", "cheaper-algo", "cheaper-overload"];
    if let Some(a) = parameters.into_iter().find_map(given).filter(|_| cheaper == 0) {
        let message = format!("{} has no effect without cheaper", a.fact.name);
        d.said.warning(a, "no-effect", message).help =
            Some("add cheaper, the number of workers that always stay".into());
    }
    if let Some(a) = given("die-on-idle").filter(|_| d.dynamic.die_on_idle && d.dynamic.idle == 0) {
        let message = "die-on-idle has no effect without idle".to_string();
        d.said.warning(a, "no-effect", message).help = Some("add idle, a number of seconds".into());
    }
}
