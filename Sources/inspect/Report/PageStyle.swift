// How the page looks: the reader's own fonts, light or dark as the reader's system is, one column on a phone.

enum PageStyle {
    static let sheet = Markup.style(
        """
        :root{color-scheme:light dark;--paper:#f7f7f4;--card:#fff;--ink:#1d2129;--soft:#616b7a;--line:#e3e5e8;\
        --accent:#0e7c7b;--ground:#e9ecef;--beyond:#c7683a;--bad:#b3261e;--turn:#f2f6f6}
        @media (prefers-color-scheme:dark){:root{--paper:#14171c;--card:#1c2027;--ink:#e6e8eb;--soft:#9aa4b2;\
        --line:#2c323b;--accent:#45b8ac;--ground:#2a3038;--beyond:#e08a5c;--bad:#ff8a80;--turn:#202830}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",\
        "Noto Sans","Noto Naskh Arabic","Noto Sans Arabic","Geeza Pro",sans-serif}
        main{max-width:64rem;margin:0 auto;padding:1.5rem 1rem 3rem}
        h1{font-size:1.9rem;line-height:1.2;margin:0 0 .5rem;overflow-wrap:anywhere}
        h2{font-size:1.2rem;margin:0 0 .9rem}
        h3{font-size:1rem;margin:0 0 .4rem;overflow-wrap:anywhere}
        p{margin:0 0 .6rem}
        code{font:.9em ui-monospace,"Cascadia Mono","DejaVu Sans Mono",monospace}
        .kind{color:var(--soft);font-size:.8rem;letter-spacing:.08em;text-transform:uppercase;margin:0}
        .state{margin:0}.good{color:var(--accent)}.bad{color:var(--bad);font-weight:600}
        .note,.detail{color:var(--soft);font-size:.85rem;font-weight:400}
        section{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1.1rem;margin:1rem 0}
        .tiles{background:none;border:0;padding:0;display:grid;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));\
        gap:1rem}
        .tile{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:.9rem 1.1rem}
        .tile span{display:block}.tile strong{display:block;font-size:1.7rem;line-height:1.25}
        .tile .name{color:var(--soft);font-size:.85rem}
        .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:1.4rem}
        figure{margin:0}
        .chart figcaption,.clip figcaption{display:flex;flex-wrap:wrap;gap:.1rem .6rem;justify-content:space-between;\
        align-items:baseline;font-size:.9rem}
        .chart figcaption span,.clip figcaption span{color:var(--soft);font-size:.85rem}
        .histogram{display:block;width:100%;height:7rem;border-bottom:1px solid var(--soft)}
        .bar{fill:var(--accent)}.beyond{fill:var(--beyond)}.ground{fill:var(--ground)}
        .ticks{position:relative;height:1.4rem;font-size:.75rem;color:var(--soft)}
        .ticks span{position:absolute;transform:translateX(-50%);white-space:nowrap}
        .ticks span[style="left:0.00%"]{transform:none}
        .ticks span[style="left:100.00%"]{transform:translateX(-100%)}
        .scroll{overflow-x:auto}
        table{border-collapse:collapse;width:100%;font-size:.9rem}
        th,td{text-align:start;padding:.35rem .6rem;border-top:1px solid var(--line);vertical-align:middle}
        thead th{border-top:0;color:var(--soft);font-weight:500;font-size:.8rem}
        tbody th{font-weight:600;overflow-wrap:anywhere;min-width:6rem}
        .number{text-align:end;font-variant-numeric:tabular-nums;white-space:nowrap}
        .wide{width:40%;min-width:6rem}
        thead .number{white-space:normal}
        @media (max-width:34rem){th,td{padding:.35rem .3rem}.wide{width:20%;min-width:2rem}\
        tbody th{min-width:4rem}}
        .share{display:block;width:100%;height:.55rem;border-radius:.3rem}
        .reject{border-top:1px solid var(--line);padding:.7rem 0}.reject ul{margin:.5rem 0 0;padding-inline-start:1.2rem}
        .reject li{font-size:.9rem;overflow-wrap:anywhere}
        nav{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;font-size:.9rem}nav a{color:var(--accent)}
        details.sample{padding:.8rem 0}.sample>summary{overflow-wrap:anywhere}
        .tags{display:inline-flex;flex-wrap:wrap;gap:.4rem;vertical-align:middle}
        .tags>span{background:var(--ground);border-radius:1rem;padding:.1rem .7rem;font-size:.8rem}
        .turn{border-inline-start:.2rem solid var(--line);padding:.1rem 0 .1rem .9rem;margin:.7rem 0}
        .turn.user{border-color:var(--soft)}.turn.assistant{border-color:var(--accent)}
        .role{color:var(--soft);font-size:.78rem;margin:0}
        .said{white-space:pre-wrap;overflow-wrap:anywhere;font-size:1.05rem;line-height:1.7}
        .clip{background:var(--turn);border-radius:.6rem;padding:.7rem .8rem;margin:.5rem 0 .8rem}
        .clip audio{width:100%;height:2.4rem;margin:.4rem 0;display:block}
        .clip .note{margin:.1rem 0 0}
        .decoded{margin:.8rem 0 0;font-size:.9rem;font-weight:600}
        .plot{display:grid;grid-template-columns:3.4rem minmax(0,1fr);row-gap:3px}
        .labels{position:relative;font-size:.7rem;color:var(--soft)}
        .labels span{position:absolute;right:.45rem;transform:translateY(-50%);white-space:nowrap}
        .strip{overflow:hidden;border-radius:3px}
        .strip svg,.strip img{display:block;width:100%}
        .wave svg{height:3.5rem}.wave path{fill:var(--accent)}
        .mel img{height:8.5rem}
        .codes img{height:5rem;image-rendering:pixelated;max-width:none}
        details{border-top:1px solid var(--line);padding:.5rem 0}summary{cursor:pointer;overflow-wrap:anywhere}
        footer{color:var(--soft);font-size:.85rem;padding:.5rem 0}
        """)
}
