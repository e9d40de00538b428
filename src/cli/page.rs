//! What pages have in common: one file that needs nothing else, readable by day and by night.

use super::evaluate_text::escaped;

const STYLE: &str = "<style>\
:root{--ground:#fff;--ink:#1d2126;--soft:#5c6670;--line:#d5dae0;--card:#f4f6f8;--a:#1f5fae;--b:#b5480f;--mark:#a3124f}\
@media (prefers-color-scheme:dark){:root{--ground:#15181c;--ink:#e6e9ec;--soft:#a0aab4;--line:#39414a;--card:#1f242a;--a:#7cb2f2;--b:#f0a070;--mark:#ff80b0}}\
*{box-sizing:border-box}\
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:46rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}\
h1{font-size:1.6rem;line-height:1.2}h2{font-size:1.2rem;margin-top:2rem}h3{font-size:1rem}\
.soft,figcaption{color:var(--soft)}\
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(14rem,100%),1fr));gap:.8rem;padding:0}\
.cards>div{background:var(--card);border-radius:.5rem;padding:.8rem}\
dt{color:var(--soft)}dd{margin:0}dd.figure{font-size:1.4rem;font-weight:600}\
figure{margin:1rem 0}svg{display:block;width:100%;height:auto;max-width:40rem}\
svg text{fill:var(--soft);font-size:11px}svg .marked{fill:var(--mark);font-weight:600}\
.grid{stroke:var(--line);fill:none}.curve{fill:none;stroke-width:2}.a{stroke:var(--a)}.b{stroke:var(--b)}\
.mark{stroke:var(--mark);stroke-width:2;stroke-dasharray:5 3}.place{fill:var(--mark)}\
.key-a{color:var(--a)}.key-b{color:var(--b)}.warning{color:var(--mark)}\
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}\
td,th{padding:.3rem .5rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}\
.numbers td,.numbers th{text-align:right;white-space:nowrap}\
</style></head><body>";

/// The begin of a page up to its body.
pub(super) fn head(title: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title}</title>{STYLE}"
    )
}

/// Text from outside as part of a page.
pub(super) fn html(text: &str) -> String {
    escaped(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
