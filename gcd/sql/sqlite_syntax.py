"""SQLite's syntax with its scope actions, for the engine (`gcd.sql.scope_syntax` says how it is written)."""

from __future__ import annotations

from gcd.sql.scope_syntax import Syntax

__all__ = ["SQLITE"]

_RULES = r"""
start: statement ";"?
select_top: {want:0} select^3
limited_top: {want:0} limited^3

select: {begin} with? chain^4 {end}
limited: {begin} with? limited_chain^4 {end}
chain: core (order? limit? {seal} | {seal} setop chain2^0) | values (setop chain2^0)?
chain2: core {seal} (corder? limit? | setop chain2^0) | values (setop chain2^0)?
limited_chain: core (order? limit {seal} | {seal} setop limited_chain2^0) | values setop limited_chain2^0
limited_chain2: core {seal} (corder? limit | setop limited_chain2^0) | values setop limited_chain2^0
setop: UNION {setop:0} | UNION ALL {setop:0} | INTERSECT {setop:1} | EXCEPT {setop:1}

with: {room} WITH RECURSIVE? cte ("," cte)*
cte: <cte_name> ("(" <cte_column> ("," <cte_column>)* ")")? AS (NOT? MATERIALIZED)? "(" {want:cte} select^10 ")" {bind}

core: {core} SELECT (DISTINCT | ALL)? item ("," {more} item)* (FROM {from} source join*)? {close}
      (WHERE {clause:0} expr^6)?
      (GROUP BY {clause:0} term ("," term)* {grouped} (HAVING {clause:1} expr^8)?)? {clause:3}
item: "*" {star} | <star_qualifier> "." "*" | {item} expr^4 (AS <result_alias> | <label>)? {enditem}
term: {term} expr^8 {endterm}
values: {core:1} {close} {clause:0} VALUES row ("," row)* {valued} {seal}
row: "(" {item} expr^7 {cell} ("," {more} {item} expr^7 {cell})* ")" {endrow}

order: ORDER BY oterm ("," oterm)*
oterm: {term} expr^12 {endterm} (ASC | DESC)? (NULLS (FIRST | LAST))?
corder: ORDER BY coterm ("," coterm)*
coterm: (<output> | $position) (COLLATE <collation>)? (ASC | DESC)? (NULLS (FIRST | LAST))?
limit: LIMIT "-"? $integer ((OFFSET | ",") "-"? $integer)?

source: (<schema> "." <schema_table> | <table>) (AS <source_alias> | <bare_alias> | {noalias})
      | {room} "(" {want:derived} select^7 ")" {derived} (AS <source_alias> | <bare_alias> | {noalias})
join: "," {join:0} source
    | (NATURAL {join:2} joinkind? JOIN | {join:1} joinkind? JOIN) source constraint
joinkind: (LEFT | RIGHT | FULL) OUTER? | INNER | CROSS
constraint: ON {on} expr^12 {endon} | {using} USING "(" <using> ("," {using} <using>)* ")" {endusing} | {endusing}

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
operand: primary (COLLATE <collation>)*
primary: $number | $string {complex} | $blob {complex}
       | (NULL | CURRENT_DATE | CURRENT_TIME | CURRENT_TIMESTAMP) {complex}
       | <column> | <qualifier> "." <qcolumn>
       | {room} (scalar^1 | aggregate^1 | windowed^1 | case^1 | {complex} CAST "(" expr^2 AS type ")"
       | "(" (expr^1 | {complex} {want:1} select^2) ")" | EXISTS {complex} "(" {want:0} select^3 ")")
inrhs: "(" ({want:1} select^4 | (expr^4 ("," expr^4)*)?) ")"
case: CASE {complex} expr^1? (WHEN expr^4 THEN expr^5)+ (ELSE expr^4)? END
!scalar: <scalar> {complex} "(" args ")" {endcall}
!aggregate: <aggregate> {complex} "(" ( ({noargs} "*" | args) ")" {endcall} filter? (OVER window | {aggregated})
          | {distinct} DISTINCT expr^5 {arg} ")" {endcall} filter? {aggregated})
!windowed: <window> {complex} "(" args ")" {endcall} OVER window
args: ({nextarg} expr^4 {arg} ("," {nextarg} expr^4 {arg})*)?
filter: FILTER "(" WHERE {filter} expr^6 ")" {endfilter}
window: {window} "(" (PARTITION BY expr^8 ("," expr^8)*)? (ORDER BY wterm ("," wterm)*)? frame? ")" {endwindow}
wterm: expr^10 (ASC | DESC)? (NULLS (FIRST | LAST))?
frame: ROWS (UNBOUNDED PRECEDING | $integer PRECEDING | CURRENT ROW
     | BETWEEN (UNBOUNDED PRECEDING AND (CURRENT ROW | UNBOUNDED FOLLOWING | $integer (PRECEDING | FOLLOWING))
               | $integer PRECEDING AND (CURRENT ROW | UNBOUNDED FOLLOWING | $integer (PRECEDING | FOLLOWING))
               | CURRENT ROW AND (CURRENT ROW | UNBOUNDED FOLLOWING | $integer FOLLOWING)
               | $integer FOLLOWING AND ($integer FOLLOWING | UNBOUNDED FOLLOWING)))
     | RANGE (UNBOUNDED PRECEDING | CURRENT ROW
     | BETWEEN (UNBOUNDED PRECEDING AND (CURRENT ROW | UNBOUNDED FOLLOWING)
               | CURRENT ROW AND (CURRENT ROW | UNBOUNDED FOLLOWING)))
type: INTEGER | INT | BIGINT | TEXT | REAL | FLOAT | DOUBLE PRECISION? | NUMERIC size? | DECIMAL size? | BLOB
    | VARCHAR size? | CHAR size? | DATE | DATETIME | BOOLEAN
size: "(" $integer ("," $integer)? ")"
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
_FALLBACK = frozenset(
    """abort action after always analyze asc attach before begin by cascade cast column conflict current current_date
    current_time current_timestamp database deferred desc detach do each end exclude exclusive explain fail first
    following for generated glob groups if ignore immediate initially instead key last like match materialized no nulls
    of offset others partition plan pragma preceding query raise range recursive regexp reindex release rename replace
    restrict rollback row rows savepoint temp temporary ties trigger unbounded vacuum view virtual with within
    without""".split()
)
_JOINS = frozenset("cross full inner left natural outer right".split())
_WINDOWS = frozenset("filter over window".split())
_OPERANDS = frozenset("cast current_date current_time current_timestamp raise with".split())
_COMPARISONS = frozenset("glob like match regexp".split())

SQLITE = Syntax(
    dialect="sqlite",
    rules=_RULES,
    operators=tuple(_OPERATORS.split()),
    quotes='"`[',
    keywords=frozenset(_KEYWORDS.split()),
    names={
        "operand": (_FALLBACK | _JOINS | _WINDOWS) - _OPERANDS,
        "label": _FALLBACK - _COMPARISONS,
        "alias": _FALLBACK - _COMPARISONS,
        "any": _FALLBACK | _JOINS | _WINDOWS,
        "called": _FALLBACK - _OPERANDS,
    },
    never_invented=frozenset({"true", "false", "rowid", "oid", "_rowid_"}),
    stack=96,
)
