/* SPDX-License-Identifier: ISC */
/*
 * The style sheet, /style.css, and the classes that pages use.
 *
 * <header class="top">: the bar above a page, with <p class="brand">, <nav><ul><li><a aria-current="page">, <form
 * class="leave">.
 * <p class="note good">: a sentence about what was done; "note bad": about what was not; "note hint": what to know before.
 * <p class="error">: what is wrong with one row or field, beside it; the field itself has aria-invalid="true".
 * <p class="lead">: what a page is about.  <span class="dim">: of less weight; "ok": a state that is fine; "ill": one that is
 * not.
 * <div class="login">: the frame around the login's form.  <span class="hidden">: for screen readers only.
 *
 * <form class="fields">: one field a line, <div class="field"> with <label>, the field, and maybe <p class="help"> or "error"
 * below; <fieldset> and <legend> make groups of such lines.  "fields narrow" is for few short fields, with the labels above
 * them.
 * <p class="buttons">: buttons in a line.  <button>: the main one; "second": another one; "danger": one that destroys; <a
 * class="button">: a link that looks like "second".
 *
 * <div class="records">: the records.  Within: <div class="record head"> with a <div class="cell"> for each of nine columns'
 * titles, then a <div class="record" role="group" aria-label="its name"> for each record; "record new": the empty one; "record
 * wrong": one with an error.  Within that: nine <div class="cell"> with <label> and field, in this order: name, period,
 * auth_name, domain, password, leave, apop, tls, mailbox or special; one with a checkbox is "cell tick".  The tenth is "cell
 * state", which has a line of its own: what came of the last poll, buttons, errors.  From 900 px on labels are for screen
 * readers only; below that, a record is a card, and there is no head.
 *
 * <div class="scroll" tabindex="0" role="region" aria-label="...">: a box within which a wide <table> scrolls sideways.  In a
 * table: <td class="num">: digits below each other; "act": buttons; "long": may be broken anywhere; <tr class="wrong">: wants to
 * be looked at.
 * <dl class="facts">: names and values.  <section class="box">: a frame around something.
 * <pre>: octets as they are, a mail or the protocol of a trial; lines are broken, and it scrolls in itself.
 */
#include "web.h"

static const char	 sheet[] =
":root{color-scheme:light dark;--back:#fff;--ink:#1b1f24;--dim:#57606a;--line:#c9ced6;--field:#8a929c;--bar:#f3f4f6;\n"
"--link:#0b57a4;\n"
"--main:#0b57a4;--onmain:#fff;--good:#125c2b;--goodback:#e3f5e8;--bad:#a01320;--badback:#fdebec;--hint:#5a4300;\n"
"--hintback:#fff6d9}\n"
"@media(prefers-color-scheme:dark){:root{--back:#14171a;--ink:#e6e8ea;--dim:#a3abb4;--line:#3b4249;--field:#737c86;--bar:#1d2125;\n"
"--link:#7db7f5;--main:#7db7f5;--onmain:#0c1a29;--good:#8bdba3;--goodback:#12301c;--bad:#ff9ea5;--badback:#3d1519;--hint:#f0d38a;\n"
"--hintback:#352a0c}}\n"
"*,*::before,*::after{box-sizing:border-box}\n"
"html{-webkit-text-size-adjust:100%;text-size-adjust:100%}\n"
"body{margin:0;background:var(--back);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:break-word}\n"
"a{color:var(--link)}\n"
"h1{font-size:1.5rem;line-height:1.25;margin:1.25rem 0 .75rem}\n"
"h2{font-size:1.15rem;line-height:1.3;margin:1.75rem 0 .5rem}\n"
"p{margin:.5rem 0}\n"
"main{max-width:84rem;margin:0 auto;padding:0 1rem 3rem}\n"
":focus-visible{outline:3px solid var(--main);outline-offset:2px;border-radius:2px}\n"
".hidden{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}\n"
".skip{position:absolute;left:-999rem}\n"
".skip:focus{left:.5rem;top:.5rem;background:var(--back);padding:.5rem;z-index:1}\n"
".dim,.help{color:var(--dim)}\n"
".lead{max-width:46rem}\n"
".ok{color:var(--good)}\n"
".ill{color:var(--bad);font-weight:600}\n"

/* The bar above. */
".top{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem 1.5rem;padding:.5rem 1rem;background:var(--bar);\n"
"border-bottom:1px solid var(--line)}\n"
".top p,.top form,.top ul{margin:0}\n"
".brand{font-weight:700}\n"
".top nav{flex:1 1 auto}\n"
".top ul{display:flex;flex-wrap:wrap;gap:.1rem .25rem;padding:0;list-style:none}\n"
".top li a{display:block;padding:.45rem .6rem;border-radius:4px;text-decoration:none}\n"
".top li a:hover{text-decoration:underline}\n"
".top li a[aria-current]{color:var(--ink);font-weight:600;box-shadow:inset 0 -3px var(--main);border-radius:0}\n"
".leave{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem .75rem;margin-left:auto}\n"
"@media(max-width:1150px){.top nav{order:1;flex-basis:100%}}\n"

/* Sentences. */
".note{max-width:60rem;margin:1rem 0;padding:.6rem .9rem;border:1px solid;border-left-width:6px;border-radius:4px}\n"
".good{color:var(--good);background:var(--goodback)}\n"
".bad{color:var(--bad);background:var(--badback)}\n"
".hint{color:var(--hint);background:var(--hintback)}\n"
".error{color:var(--bad);font-weight:600;margin:.25rem 0}\n"

/* Fields and buttons. */
"label{font-weight:600}\n"
"input,select,textarea,button,.button{font:inherit;min-height:2.5rem;border-radius:4px}\n"
"input,select,textarea{width:100%;min-width:0;padding:.3rem .5rem;color:var(--ink);background:var(--back);\n"
"border:1px solid var(--field)}\n"
"textarea{min-height:7rem;resize:vertical}\n"
"input[type=checkbox],input[type=radio]{width:1.25rem;height:1.25rem;min-height:0;margin:0;vertical-align:-.2rem;\n"
"accent-color:var(--main)}\n"
"[aria-invalid=true]{border:2px solid var(--bad)}\n"
"button,.button{display:inline-flex;align-items:center;padding:.35rem 1rem;cursor:pointer;color:var(--onmain);\n"
"background:var(--main);border:1px solid var(--main);font-weight:600;text-decoration:none;line-height:1.5}\n"
"button.second,.button{color:var(--link);background:transparent}\n"
"button.danger{color:var(--bad);background:transparent;border-color:var(--bad)}\n"
"button:hover,.button:hover{filter:brightness(1.1);text-decoration:underline}\n"
"button:disabled,input:disabled,select:disabled{opacity:.6;cursor:default}\n"
".buttons{display:flex;flex-wrap:wrap;gap:.5rem .75rem;margin:1rem 0}\n"
"fieldset{min-width:0;margin:1.5rem 0;padding:.25rem 1rem 1rem;border:1px solid var(--line);border-radius:6px}\n"
"legend{padding:0 .4rem;font-weight:700}\n"
".field{display:grid;gap:.15rem 1rem;margin:.9rem 0}\n"
".field p{margin:0}\n"
".narrow{max-width:28rem}\n"
".login{max-width:26rem;margin:1rem 0;padding:.25rem 1.5rem 1.25rem;border:1px solid var(--line);border-radius:8px}\n"
"@media(min-width:640px){\n"
".fields:not(.narrow) .field{grid-template-columns:minmax(10rem,16rem) minmax(0,30rem);align-items:center}\n"
".fields:not(.narrow) .field>p,.fields:not(.narrow) .field>.wide{grid-column:2}\n"
"}\n"

/* Records: cards, and from 900 px on lines of a grid. */
".record{display:grid;grid-template-columns:repeat(4,1fr);gap:.6rem .8rem;margin:1rem 0;padding:.9rem;\n"
"border:1px solid var(--line);border-radius:8px}\n"
".record.head{display:none}\n"
".record.new{border-style:dashed}\n"
".record.wrong{border-color:var(--bad);box-shadow:inset 4px 0 var(--bad)}\n"
".cell{min-width:0;grid-column:span 2}\n"
".cell p{margin:.15rem 0}\n"
".cell label{display:block;font-size:.875rem}\n"
".tick{display:flex;flex-direction:row-reverse;justify-content:flex-end;align-items:center;gap:.6rem;min-height:2.5rem;\n"
"align-self:end;grid-column:span 1}\n"
".state{grid-column:1/-1}\n"
".state{display:flex;flex-wrap:wrap;align-items:center;gap:.35rem .75rem;font-size:.9375rem}\n"
".state>p{flex:1 1 14rem}\n"
".state button,.state .button{min-height:2.25rem;padding:.2rem .75rem}\n"
"@media(max-width:430px){.record{grid-template-columns:1fr 1fr}}\n"
"@media(min-width:900px){\n"
".records{border-top:1px solid var(--line)}\n"
".record,.record.head{display:grid;\n"
"grid-template-columns:minmax(6rem,1.1fr) minmax(7.25rem,.9fr) minmax(7rem,1.3fr) minmax(7rem,1.3fr)\n"
"minmax(5rem,.9fr) 3.25rem 3.25rem 4.75rem minmax(5rem,1fr);gap:.25rem .4rem;align-items:center;margin:0;padding:.6rem 0;\n"
"border:0;border-bottom:1px solid var(--line);border-radius:0}\n"
".record.head{padding:.35rem 0;font-size:.875rem;font-weight:700;color:var(--dim);align-items:end}\n"
".record.new{border-bottom-style:dashed}\n"
".record.wrong{padding-left:.75rem}\n"
".record .cell{grid-column:auto}\n"
".record .cell label{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}\n"
".record .cell{position:relative}\n"
".record .tick{justify-content:center;align-self:center}\n"
".record .state{grid-column:1/-1;min-height:1.5rem}\n"
".record input,.record select{padding:.25rem .35rem}\n"
"}\n"

/* Tables. */
".scroll{max-width:100%;overflow-x:auto;margin:.75rem 0;border:1px solid var(--line);border-radius:6px}\n"
"table{border-collapse:collapse;width:100%;font-size:.9375rem}\n"
"caption{text-align:left;font-weight:700;padding:.5rem .6rem}\n"
"th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;border-bottom:1px solid var(--line)}\n"
"tr:last-child>td{border-bottom:0}\n"
"thead th{background:var(--bar);white-space:nowrap}\n"
".num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
".act{white-space:nowrap}\n"
".act form{display:inline}\n"
".act button{min-height:2.25rem;padding:.15rem .7rem}\n"
".long{min-width:14rem;overflow-wrap:anywhere}\n"
"tr.wrong>*{background:var(--badback)}\n"
"time{white-space:nowrap}\n"
".facts{display:grid;gap:.1rem 1.25rem;margin:.75rem 0}\n"
".facts dt{font-weight:600}\n"
".facts dd{margin:0 0 .5rem;overflow-wrap:anywhere}\n"
"@media(min-width:640px){.facts{grid-template-columns:minmax(9rem,max-content) minmax(0,1fr)}.facts dd{margin:0}}\n"
".box{margin:1rem 0;padding:.25rem 1rem 1rem;border:1px solid var(--line);border-radius:6px}\n"
"pre{max-width:100%;max-height:40rem;overflow:auto;margin:.75rem 0;padding:.75rem;background:var(--bar);\n"
"border:1px solid var(--line);\n"
"border-radius:6px;font:.875rem/1.45 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}\n"
"@media(prefers-contrast:more){:root{--dim:var(--ink);--line:var(--ink);--field:var(--ink)}}\n"
"@media print{.top nav,.leave,button,.button{display:none}}\n";

void
show_style(struct visit *v)
{
	v->answer.type = "text/css; charset=utf-8";
	v->answer.kept = 1;
	put(&v->answer, sheet);
}
