"""How a page looks: on a phone, on a wide screen, in the dark and on paper."""

from typing import Final

__all__ = ["STYLE"]

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1c2230; --soft: #586074; --line: #d9dde5;
  --good: #17703c; --good-back: #e2f4e8; --some: #7a4b00; --some-back: #fff1d6;
  --bad: #a3261b; --bad-back: #fdeae7;
  --prepare: #9aa5b8; --wait: #e0930b; --hold: #2f6fdb; --over: #c92a1e; --rate: #2f6fdb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12151c; --card: #1b202a; --ink: #e7eaf0; --soft: #a4adbf; --line: #343b49;
    --good: #76d69b; --good-back: #17301f; --some: #f0bf6a; --some-back: #352812;
    --bad: #ff9d91; --bad-back: #3a1c19;
    --prepare: #6c7890; --wait: #e3a43a; --hold: #6ba1f5; --over: #ff6f61; --rate: #6ba1f5;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.25rem 1rem 2rem; max-width: 68rem; background: var(--page);
  color: var(--ink); font: 1rem/1.45 system-ui, sans-serif; -webkit-text-size-adjust: 100%;
}
h1 { margin: 0 0 .6rem; font-size: 1.6rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 .6rem; font-size: 1.25rem; overflow-wrap: anywhere; }
h3 { margin: 0 0 .15rem; font-size: 1.02rem; }
.status {
  margin: 0 0 .8rem; padding: .6rem .85rem; border-radius: .5rem; font-weight: 600;
  overflow-wrap: anywhere; background: var(--good-back); color: var(--good);
}
.status.some { background: var(--some-back); color: var(--some); }
.status.bad { background: var(--bad-back); color: var(--bad); }
.tiles {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(6.35rem, 1fr)); gap: .45rem;
  margin: 0 0 .8rem;
}
.tiles div, figure, .table {
  background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
}
.tiles div { padding: .45rem .6rem .5rem; }
dt { color: var(--soft); font-size: .82rem; }
dd { margin: 0; font-size: 1.08rem; font-weight: 650; font-variant-numeric: tabular-nums; }
figure, .table { margin: 0 0 .8rem; padding: .8rem .85rem; }
figcaption, .note {
  margin: 0 0 .5rem; color: var(--soft); font-size: .9rem; overflow-wrap: anywhere;
}
.legend {
  display: flex; flex-wrap: wrap; gap: .15rem 1rem; margin: 0 0 .5rem; padding: 0;
  list-style: none; font-size: .9rem;
}
.key { display: inline-block; width: .8em; height: .8em; margin-right: .4em; border-radius: .15em; }
.key.prepare { background: var(--prepare); } .key.wait { background: var(--wait); }
.key.hold { background: var(--hold); }
.plot {
  display: grid; grid-template: "top svg svg" 1fr "zero svg svg" auto ". left right" auto
    / auto 1fr 1fr;
  gap: 0 .45rem; color: var(--soft); font-size: .82rem; font-variant-numeric: tabular-nums;
}
.top, .zero { text-align: right; line-height: 1; white-space: nowrap; }
.top { grid-area: top; } .zero { grid-area: zero; align-self: end; }
.left { grid-area: left; padding-top: .25rem; }
.right { grid-area: right; padding-top: .25rem; text-align: right; }
svg {
  grid-area: svg; display: block; width: 100%; height: 11rem; border-bottom: 1px solid var(--soft);
  background: linear-gradient(var(--line) 0 0) 0 50% / 100% 1px no-repeat;
}
path.prepare { fill: var(--prepare); } path.wait { fill: var(--wait); }
path.hold { fill: var(--hold); } path.over { fill: var(--over); }
path.rate { fill: var(--rate); fill-opacity: .75; }
path.limit {
  fill: none; stroke: var(--over); stroke-width: 1.5; stroke-dasharray: 5 4;
  vector-effect: non-scaling-stroke;
}
table { width: 100%; border-collapse: collapse; font-size: .93rem; }
caption { padding: 0 0 .3rem; text-align: left; font-weight: 650; font-size: 1.02rem; }
th { color: var(--soft); font-weight: 500; font-size: .85rem; text-align: left; }
th, td {
  padding: .35rem .8rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere;
}
thead th { border-top: 0; overflow-wrap: normal; }
.names { min-width: 6.5rem; }
th:last-child, td:last-child { padding-right: 0; }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.bar { width: 26%; min-width: 4rem; }
.bar span {
  display: block; height: .75em; margin-top: .35em; min-width: 2px; border-radius: .15em;
  background: var(--over);
}
.finding h2, .table > h2 { margin: 0 0 .5rem; font-size: 1.05rem; }
.finding dl { margin: 0; } .finding dt { margin-top: .4rem; }
.finding dd { font-size: .95rem; font-weight: 400; overflow-wrap: anywhere; white-space: pre-line; }
.label {
  display: inline-block; padding: .05rem .45rem; border-radius: .35rem; font-size: .75rem;
  background: var(--page); color: var(--soft); vertical-align: middle;
}
.label.good { background: var(--good-back); color: var(--good); }
.label.some { background: var(--some-back); color: var(--some); }
.label.bad { background: var(--bad-back); color: var(--bad); }
.table ol, .table ul { margin: 0; padding-left: 1.3rem; overflow-wrap: anywhere; }
th[scope="row"] { width: 8rem; }
code { font: .88em/1.5 ui-monospace, monospace; white-space: pre-wrap; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr));
  gap: 0 .8rem; }
footer { margin-top: 1.5rem; color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  h1 { font-size: 1.35rem; }
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden;
    clip-path: inset(50%); }
  .cards th, .cards td { min-width: 0; overflow-wrap: anywhere; }
  .cards tbody, .cards tr, .cards td { display: block; width: auto; }
  .cards tr { padding: .45rem 0; border-top: 1px solid var(--line); }
  .cards td { padding: .1rem 0; border: 0; text-align: left; white-space: normal; }
  .cards td::before { content: attr(data-name) " "; color: var(--soft); font-size: .85rem; }
  .cards td.bar::before { content: none; }
  .cards td:empty { display: none; }
}
@media print {
  :root {
    color-scheme: light; --page: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb;
    --good: #17703c; --good-back: #e2f4e8; --some: #7a4b00; --some-back: #fff1d6;
    --bad: #a3261b; --bad-back: #fdeae7;
    --prepare: #9aa5b8; --wait: #e0930b; --hold: #2f6fdb; --over: #c92a1e; --rate: #2f6fdb;
  }
  body { max-width: none; padding: 0; font-size: 10pt; print-color-adjust: exact;
    -webkit-print-color-adjust: exact; }
  figure, tr, .tiles { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
}
"""
