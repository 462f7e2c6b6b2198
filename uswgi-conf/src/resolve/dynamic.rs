//! Fewer workers while there is little to do: `cheaper` and its relatives, `cheap`, `idle`.

use super::draft::Draft;
use super::value::written;
use crate::expand::{Applied, Expansion, truth};
use crate::instance::{Busyness, CheaperAlgorithm};

/// Where a number of the busyness algorithm belongs.
fn busyness<'a>(b: &'a mut Busyness, name: &str) -> Option<&'a mut u32> {
    Some(match name.strip_prefix("cheaper-busyness-")? {
        "max" => &mut b.max,
        "min" => &mut b.min,
        "multiplier" => &mut b.multiplier,
        "penalty" => &mut b.penalty,
        "backlog-alert" => &mut b.alert,
        "backlog-multiplier" => &mut b.backlog_multiplier,
        "backlog-step" => &mut b.backlog_step,
        "backlog-nonzero" => &mut b.nonzero,
        _ => return None,
    })
}

/// Give an option's value to the draft. False: it is none of these.
pub(super) fn set(d: &mut Draft, a: &Applied) -> bool {
    let (said, to) = (&mut d.said, &mut d.instance.dynamic);
    let on = truth(a.value.as_deref());
    match a.fact.name {
        "cheaper" => to.cheaper = said.number32(a).unwrap_or(0),
        "cheaper-initial" => to.initial = said.number32(a).unwrap_or(0),
        "cheaper-step" => to.step = said.number32(a).unwrap_or(0).max(1),
        "cheaper-overload" => to.overload = said.number32(a).unwrap_or(0),
        "cheaper-rss-limit-soft" => to.rss_soft = said.number(a).unwrap_or(0),
        "cheaper-rss-limit-hard" => to.rss_hard = said.number(a).unwrap_or(0),
        "cheaper-algo" => algorithm(d, a),
        "cheaper-busyness-verbose" => to.busyness.verbose = on,
        name if name.starts_with("cheaper-busyness-") => {
            // 0 is the default on uWSGI too.
            let default = busyness(&mut Busyness::default(), name).map_or(0, |n| *n);
            let n = said.number32(a).filter(|n| *n > 0).unwrap_or(default);
            busyness(&mut to.busyness, name).into_iter().for_each(|to| *to = n);
        }
        "cheap" => to.cheap = on,
        "idle" => to.idle = said.number32(a).unwrap_or(0),
        "die-on-idle" => to.die_on_idle = on,
        _ => return false,
    }
    true
}

fn algorithm(d: &mut Draft, a: &Applied) {
    d.instance.dynamic.algorithm = match a.value.as_deref().unwrap_or_default() {
        b"spare" => CheaperAlgorithm::Spare,
        b"backlog" => CheaperAlgorithm::Backlog,
        b"manual" => CheaperAlgorithm::Manual,
        b"busyness" => CheaperAlgorithm::Busyness,
        _ => {
            let message = format!("{} is no algorithm: spare decides, as on uWSGI", written(a));
            d.said.warning(a, "cheaper-algo", message).help =
                Some("write spare, backlog, busyness or manual".into());
            CheaperAlgorithm::Spare
        }
    };
}

/// Defaults, and what contradicts other options.
pub(super) fn finish(d: &mut Draft, expansion: &Expansion) {
    let given = |name: &str| expansion.applied.iter().rfind(|a| a.fact.name == name);
    let (cheaper, workers) = (d.instance.dynamic.cheaper, d.instance.workers);
    if cheaper > 0 {
        d.instance.dynamic.initial = d.instance.dynamic.initial.max(cheaper);
    }
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
    if let Some(a) =
        given("die-on-idle").filter(|_| d.instance.dynamic.die_on_idle && d.instance.dynamic.idle == 0)
    {
        let message = "die-on-idle has no effect without idle".to_string();
        d.said.warning(a, "no-effect", message).help = Some("add idle, a number of seconds".into());
    }
    busyness_bounds(d, expansion);
}

/// What contradicts itself among the numbers of the busyness algorithm.
fn busyness_bounds(d: &mut Draft, expansion: &Expansion) {
    let given = |name: &str| expansion.applied.iter().rfind(|a| a.fact.name == name);
    if d.instance.dynamic.algorithm != CheaperAlgorithm::Busyness {
        let own = expansion.applied.iter().rfind(|a| a.fact.name.starts_with("cheaper-busyness-"));
        if let Some(a) = own {
            let message = format!("{} has no effect without cheaper-algo = busyness", a.fact.name);
            d.said.warning(a, "no-effect", message).help = Some("set cheaper-algo = busyness".into());
        }
        return;
    }
    let Busyness { min, max, .. } = d.instance.dynamic.busyness;
    let bound = given("cheaper-busyness-min").or_else(|| given("cheaper-busyness-max"));
    if let Some(a) = bound.filter(|_| min >= max) {
        let message = format!(
            "cheaper-busyness-min ({min}) is not below cheaper-busyness-max ({max}): workers come and go all the time"
        );
        d.said.warning(a, "busyness-bounds", message).help =
            Some("make max more than twice min: one worker fewer raises the load of the others".into());
    }
    if let Some(a) = given("cheaper-busyness-max").filter(|_| max >= 100) {
        let message = format!(
            "cheaper-busyness-max ({max}) is never passed: only waiting connections bring more workers"
        );
        d.said.warning(a, "busyness-bounds", message).help = Some("choose a number below 100".into());
    }
}

#[cfg(test)]
mod tests;
