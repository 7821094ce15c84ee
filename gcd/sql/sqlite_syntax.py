"""SQLite's syntax with its scope actions, for the engine (`gcd.sql.scope_syntax` says how it is written)."""

from __future__ import annotations

from gcd.sql.scope_syntax import Syntax

__all__ = ["SQLITE"]

_RULES = r"""
start: {want:0} {begin} with? statement {end} ";"?
select_top: chain^7
limited_top: limited_chain^7

select: {begin} with? chain^4 {end}
chain: core (order? limit? {seal} | {seal} setop chain2^0) | values (setop chain2^0)?
chain2: core {seal} (corder? limit? | setop chain2^0) | values (setop chain2^0)?
limited_chain: core (order? limit {seal} | {seal} setop limited_chain2^0) | values setop limited_chain2^0
limited_chain2: core {seal} (corder? limit | setop limited_chain2^0) | values setop limited_chain2^0
setop: UNION {setop:0} | UNION ALL {setop:1} | INTERSECT {setop:2} | EXCEPT {setop:2}

with: {room} WITH RECURSIVE? cte ("," cte)*
cte: <cte_name> ("(" <cte_column> ({another:0} "," <cte_column>)* ")")? AS (NOT? MATERIALIZED)?
     "(" {want:cte} select^13 ")" {bind}

core: {core} SELECT (DISTINCT | ALL)? item ("," {more} item)* (FROM {from} source join*)? {close}
      (WHERE {clause:0} expr^6)? ({groupable} GROUP BY {clause:0} term ("," term)* {grouped})? (HAVING {having} expr^8)?
      (WINDOW {windows} definition ("," definition)*)? {endwindows} {clause:3}
item: "*" {star} | <star_qualifier> "." "*" | {item} expr^4 (AS <result_alias> | <label>)? {enditem}
term: {term} expr^8 {endterm}
definition: <window_definition> AS window
values: {core:1} {close} {clause:0} VALUES row ("," row)* {valued} {seal}
row: "(" {item} expr^7 {cell} ("," {more} {item} expr^7 {cell})* ")" {endrow}

order: ORDER BY oterm ("," oterm)*
oterm: {term} expr^12 {endterm} (ASC | DESC)? (NULLS (FIRST | LAST))?
corder: ORDER {ordered} BY coterm ("," coterm)*
coterm: (<output> | $position) (COLLATE <collation>)? (ASC | DESC)? (NULLS (FIRST | LAST))?
limit: LIMIT {isolate} expr^13 ((OFFSET | ",") expr^13)? {leave} {leave}

source: (<schema> "." <schema_table> | <table>) (AS <source_alias> | <bare_alias> | {noalias})
      | {room} "(" ({want:derived} select^7 ")" {derived} (AS <source_alias> | <bare_alias> | {noalias})
                   | {group} group^5 ")" {endgroup} (AS {aliasgroup} <source_alias> | {aliasgroup} <bare_alias>)?)
group: source join*
join: "," {join:0} source
    | (NATURAL {join:2} joinkind? JOIN | {join:1} joinkind? JOIN) source constraint
joinkind: (LEFT | RIGHT | FULL) OUTER? | INNER | CROSS
constraint: ON {on} expr^12 {endon} | {using} USING "(" <using> ("," {using} <using>)* ")" {endusing} | {endusing}

insert_top: (INSERT conflict? | REPLACE) INTO target (AS <target_alias>)?
            (DEFAULT VALUES
            | ("(" <insert_column> ({another:1} "," <insert_column>)* ")")?
              {fill} {want:source} select^8 {filled} upsert?)
            returning?
update_top: UPDATE conflict? target (AS <target_alias>)? {update} SET assignment^10 ("," assignment^10)*
            (FROM {updatefrom} source join*)? {updated} (WHERE {clause:0} expr^12)? {leave} returning?
delete_top: DELETE FROM target (AS <target_alias>)? {delete} (WHERE {clause:0} expr^8)? {leave} returning?
conflict: OR (ABORT | FAIL | IGNORE | REPLACE | ROLLBACK)
target: <target> | <schema> "." <schema_target>
!assignment: <set_column> "=" expr^2
           | "(" <set_column> {left} ({wider:1} "," <set_column> {left})+ ")" "=" rowside
upsert: {upsert} ON CONFLICT
        ({conflict} "(" <conflict_column> ({another:2} "," <conflict_column>)* ")" {conflicted} DO doing
                   (ON CONFLICT DO doing)? | DO doing)
doing: NOTHING | UPDATE {upset} SET assignment^26 ("," assignment^26)* (WHERE {clause:0} expr^28)? {leave}
returning: {returning} RETURNING returned ("," {more} returned)* {leave}
returned: "*" {star} | {item} expr^12 (AS <result_alias> | <label>)? {enditem}

!expr: nots arith tail*
nots: (NOT {op:3})?
tail: AND {op:2} nots arith | OR {op:1} nots arith
    | ("=" | "==" | "!=" | "<>") {op:4} arith | ("<" | "<=" | ">" | ">=") {op:5} arith
    | IS {op:4} (NOT? (DISTINCT FROM)?) arith
    | (ISNULL | NOTNULL | NOT NULL) {op:4}
    | NOT? ((LIKE | GLOB) {op:6} arith (ESCAPE arith)? | BETWEEN {op:6} arith AND arith | {op:4} {room} IN inrhs)
arith: sign operand (("&" | "|" | "<<" | ">>") {op:7} sign operand | ("+" | "-") {op:8} sign operand
     | ("*" | "/" | "%") {op:9} sign operand | ("||" | "->" | "->>") {op:10} sign operand)*
sign: (("-" | "+" | "~") {op:11})?
operand: primary collate
       | {room} "(" ({complex} {want:1} select^2 ")" collate
                    | expr^1 (")" collate | {row} ({wider:1} "," expr^3 {left})+ ")" rowtest))
collate: (COLLATE <collation>)*
primary: $number | $string {complex} | $blob {complex} | $parameter {complex} | (TRUE | FALSE) {boolean}
       | (NULL | CURRENT_DATE | CURRENT_TIME | CURRENT_TIMESTAMP) {complex}
       | <column> | <qualifier> "." <qcolumn> | <schema_qualifier> "." <inner_qualifier> "." <qcolumn>
       | {room} (scalar^1 | aggregate^1 | windowed^1 | case^1 | {complex} CAST "(" expr^2 AS type ")"
       | EXISTS {complex} "(" {want:0} select^3 ")")
rowtest: (("=" | "==" | "!=" | "<>" | IS NOT?) {op:4} rowside {closed:4}
       | ("<" | "<=" | ">" | ">=") {op:5} rowside {closed:5}
       | NOT? IN {op:4} "(" {want:row} select^4 ")" {closed:4})
rowside: "(" ({want:row} select^2 | expr^3 {right} ({wider} "," expr^3 {right})+) ")" {sameleft}
inrhs: "(" ({want:1} select^4 | (expr^4 ("," expr^4)*)?) ")" | <in_table>
case: CASE {complex} expr^1? (WHEN expr^4 THEN expr^5)+ (ELSE expr^4)? END
!scalar: <scalar> {complex} "(" args ")" {endcall}
!aggregate: <aggregate> {complex} "(" ( ({noargs} "*" | ALL? args) ")" {endcall} filter? (over | {aggregated})
          | {distinct} DISTINCT expr^5 {arg} ")" {endcall} filter? {aggregated})
!windowed: <window> {complex} "(" args ")" {endcall} over
args: ({nextarg} expr^4 {arg} ("," {nextarg} expr^4 {arg})*)?
filter: FILTER "(" WHERE {filter} expr^6 ")" {endfilter}
over: OVER {window} (<window_name> | window) {endwindow}
window: "(" (PARTITION BY expr^8 ("," expr^8)*)?
        (ORDER BY wterm ((RANGE bounds exclude?)? | ("," wterm)* ((frame | groups) exclude?)?) | (frame exclude?)?) ")"
wterm: expr^10 (ASC | DESC)? (NULLS (FIRST | LAST))?
exclude: EXCLUDE (NO OTHERS | CURRENT ROW | GROUP | TIES)
groups: GROUPS bounds
frame: ROWS bounds
     | RANGE (UNBOUNDED PRECEDING | CURRENT ROW
     | BETWEEN (UNBOUNDED PRECEDING AND (CURRENT ROW | UNBOUNDED FOLLOWING)
               | CURRENT ROW AND (CURRENT ROW | UNBOUNDED FOLLOWING)))
bounds: UNBOUNDED PRECEDING | offset PRECEDING | CURRENT ROW
      | BETWEEN (UNBOUNDED PRECEDING AND (CURRENT ROW | UNBOUNDED FOLLOWING | offset (PRECEDING | FOLLOWING))
               | offset PRECEDING AND (CURRENT ROW | UNBOUNDED FOLLOWING | offset (PRECEDING | FOLLOWING))
               | CURRENT ROW AND (CURRENT ROW | UNBOUNDED FOLLOWING | offset FOLLOWING)
               | offset FOLLOWING AND (offset FOLLOWING | UNBOUNDED FOLLOWING))
offset: $integer | $parameter
type: (<type> | $string)* size?
size: "(" ("+" | "-")? $number ("," ("+" | "-")? $number)? ")"
"""

_OPERATORS = "; , ( ) . + - * / % ~ & | || << >> < <= <> > >= = == ! != -> ->>"

_KEYWORDS = """abort action add after all alter always analyze and as asc attach autoincrement before begin between by
cascade case cast check collate column commit conflict constraint create cross current current_date current_time
current_timestamp database default deferrable deferred delete desc detach distinct do drop each else end escape
except exclude exclusive exists explain fail filter first following for foreign from full generated glob group
groups having if ignore immediate in index indexed initially inner insert instead intersect into is isnull join key
last left like limit match materialized natural no not nothing notnull null nulls of offset on or order others outer
over partition plan pragma preceding primary query raise range recursive references regexp reindex release rename
replace restrict returning right rollback row rows savepoint select set table temp temporary then ties to
transaction trigger unbounded union unique update using vacuum values view virtual when where window with within
without"""

# What SQLite's parser takes for a name where the keyword leads nowhere (%fallback in its parse.y), and the words of
# joins, which are names but behind a table or column.
_FALLBACK = """abort action after always analyze asc attach before begin by cascade cast column conflict current
current_date current_time current_timestamp database deferred desc detach do each end exclude exclusive explain fail
first following for generated glob groups if ignore immediate initially instead key last like match materialized no
nulls of offset others partition plan pragma preceding query raise range recursive regexp reindex release rename
replace restrict rollback row rows savepoint temp temporary ties trigger unbounded vacuum view virtual with within
without"""
_JOINS = frozenset({"cross", "full", "inner", "left", "natural", "outer", "right"})
_WINDOWS = frozenset({"filter", "over", "window"})
_OPERANDS = frozenset({"cast", "current_date", "current_time", "current_timestamp", "raise", "with"})
_COMPARISONS = frozenset({"glob", "like", "match", "regexp"})
_NAMES = frozenset(_FALLBACK.split())

SQLITE = Syntax(
    dialect="sqlite",
    rules=_RULES,
    operators=tuple(_OPERATORS.split()),
    quotes='"`[',
    keywords=frozenset(_KEYWORDS.split()),
    names={
        "operand": (_NAMES | _JOINS | _WINDOWS) - _OPERANDS,
        "label": _NAMES - _COMPARISONS,
        "alias": _NAMES - _COMPARISONS,
        "any": _NAMES | _JOINS | _WINDOWS,
        "called": _NAMES - _OPERANDS,
    },
    never_invented=frozenset({"true", "false", "rowid", "oid", "_rowid_"}),
    stack=96,
)
