"""A subset of PostgreSQL's syntax as data, in the form that `gcd.sql.scope_syntax` describes.

The levels of an expression are PostgreSQL's own. Actions keep what PostgreSQL enforces of types: ``{can:c}`` asks
whether an operand of class c may stand here, ``{type:c}`` says that one stood here, ``{leftside:op}`` stands before an
operator, and ``{enter}`` begins an expression that the action in front of it expects something of. What they do is
in csrc/sql_typing.cpp.
"""

from __future__ import annotations

from gcd.sql.scope_syntax import Syntax

__all__ = ["POSTGRESQL"]

_RULES = r"""
start: statement ";"?
select_top: {want:0} select^1
limited_top: {want:0} limited^1

select: {begin} with? chain^1 {end}
limited: {begin} with? limited_chain^1 {end}
chain: core (order? limit? {seal} | {seal} setop chain2^0)
chain2: core {seal} (corder? limit? | setop chain2^0)
limited_chain: core (order? limit {seal} | {seal} setop limited_chain2^0)
limited_chain2: core {seal} (corder? limit | setop limited_chain2^0)
setop: {setop} (UNION ALL? | INTERSECT | EXCEPT)

with: {room} WITH cte ("," cte)*
cte: <cte_name> ("(" <cte_column> ("," <cte_column>)* ")")? AS (NOT? MATERIALIZED)? "(" {want:cte} select^1 ")" {bind}

core: {core} SELECT (DISTINCT {distinctrows} | ALL)? item ("," {more} item)* (FROM {from} source join*)? {close}
      (WHERE {clause:0} {expect:bool} expr^1)?
      ({grouping} GROUP BY groupterm ("," groupterm)* {grouped} (HAVING {clause:1} {expect:bool} expr^1)?
      | {ungrouped}) {clause:3}
item: {unstarred} "*" {star} | {unstarred:1} <star_qualifier> "." "*"
    | {item} expr^1 (AS <result_alias> | <label>)? {enditem}
groupterm: {groupby} groupcolumn^1 | <alias> | $position
!groupcolumn: {enter:1} (<column> | <qualifier> "." <qcolumn>)

order: ORDER BY oterm ("," oterm)*
oterm: (<alias> | $position | {term} expr^1 {endterm}) (ASC | DESC)? (NULLS (FIRST | LAST))?
corder: ORDER BY coterm ("," coterm)*
coterm: (<output> | $position) (ASC | DESC)? (NULLS (FIRST | LAST))?
limit: LIMIT $small (OFFSET $small)? | OFFSET $small LIMIT $small

source: (<schema> "." <schema_table> | <table>) (AS <source_alias> | <bare_alias> | {noalias})
      | {room} "(" {want:derived} select^1 ")" {derived} (AS <source_alias> | <bare_alias>)
join: "," {join:0} source {endon}
    | {join:3} CROSS JOIN source {endon}
    | NATURAL {join:2} joinkind? JOIN source {endusing}
    | {join:1} joinkind? JOIN source constraint
joinkind: (LEFT | RIGHT) OUTER? | INNER
constraint: ON {on} {expect:bool} expr^1 {endon} | {using} USING "(" <using> ("," {using} <using>)* ")" {endusing}

!expr: {enter} nots factor tail* {exit}
nots: ({logic} NOT)?
tail: ({leftside:times} "*" | {leftside:divided} "/" | {leftside:modulo} "%"
      | {leftside:plus} "+" | {leftside:minus} "-"
      | {leftside:concat} "||" | {leftside:like} NOT? (LIKE | ILIKE) | {leftside:between} NOT? BETWEEN | {middle} AND
      | {leftside:equals} ("=" | "<>" | "!=" | "<" | "<=" | ">" | ">=")
      | {leftside:distinct} IS NOT? DISTINCT FROM) factor
    | {bool} (AND | OR) nots factor
    | {leftside:compared} NOT? {room} IN "(" ({subquery:1} select^1 | {list} expr^1 ("," {list} expr^1)*) ")" {listed}
    | {is} (IS NOT? NULL | ISNULL | NOTNULL)
factor: ({constant} {negate} "-")? operand {signed}
operand: primary ("::" writtentype)*
primary: {constant} constant
       | {can:date} CURRENT_DATE {type:date} | {can:stamp} CURRENT_TIMESTAMP {type:stamp}
       | <column> | <qualifier> "." <qcolumn>
       | {room} ({operands} (scalar^1 | aggregate^1 | windowed^1) | {operands:1} case^1
       | {casting} CAST "(" expr^1 AS casttype ")"
       | {can:numeric} EXTRACT "(" (YEAR | MONTH | DAY | HOUR | MINUTE | SECOND | QUARTER | WEEK | DOW | DOY | EPOCH)
         FROM {expect:moments} expr^1 ")" {type:numeric}
       | {constant} {operands:2} "(" expr^1 ")"
       | {subquery:0} "(" select^1 ")" {column}
       | {can:bool} EXISTS "(" {want:0} select^1 ")" {type:bool})
constant: {can:int} $small {type:int} | {can:big} $long {type:big} | {can:numeric} $decimal {type:numeric}
        | {can:literal} $string {type:literal} | {can:dateliteral} $date {type:dateliteral}
        | {can:null} NULL {type:null} | {can:bool} (TRUE | FALSE) {type:bool}
writtentype: {cast:int} (INTEGER | INT | SMALLINT) | {cast:big} BIGINT | {cast:numeric} (NUMERIC | DECIMAL)
           | {cast:float} (REAL | DOUBLE PRECISION) | {cast:text} (TEXT | VARCHAR) | {cast:bool} BOOLEAN
           | {cast:date} DATE | {cast:stamp} TIMESTAMP | {cast:time} TIME | {cast:interval} INTERVAL | {cast:uuid} UUID
casttype: {castto:int} (INTEGER | INT | SMALLINT) | {castto:big} BIGINT | {castto:numeric} (NUMERIC | DECIMAL)
        | {castto:float} (REAL | DOUBLE PRECISION) | {castto:text} (TEXT | VARCHAR) | {castto:bool} BOOLEAN
        | {castto:date} DATE | {castto:stamp} TIMESTAMP | {castto:time} TIME | {castto:interval} INTERVAL
        | {castto:uuid} UUID
!case: {enter} CASE (WHEN {expect:bool} expr^1 THEN {branch} expr^1 {branched})+ (ELSE {branch} expr^1 {branched})? END
       {endcase}
!scalar: <scalar> "(" args? ")" {endcall} {called}
!aggregate: <aggregate> "(" ( ({noargs} "*" | args) ")" {endcall} filter? (OVER window | {aggregated}) {called}
          | {distinct} DISTINCT {nextarg:1} expr^1 {arg} ")" {endcall} filter? {aggregated} {called})
!windowed: <window> "(" args? ")" {endcall} OVER window {called}
args: {nextarg} expr^1 {arg} ("," {nextarg} expr^1 {arg})*
filter: FILTER "(" WHERE {filter} {expect:bool} expr^1 ")" {endfilter}
window: {window} "(" (PARTITION BY {expect:equality} expr^1 ("," {expect:equality} expr^1)*)?
        (ORDER BY wterm ("," wterm)*)? ")" {endwindow}
wterm: {expect:equality} expr^1 (ASC | DESC)? (NULLS (FIRST | LAST))?
"""

_OPERATORS = "; , ( ) . + - * / % || | < <= <> > >= = ! != : ::"

_RESERVED = """
all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
current_catalog current_date current_role current_time current_timestamp current_user default deferrable desc
distinct do else end except false fetch for foreign from grant group having in initially intersect into lateral
leading limit localtime localtimestamp not null offset on only or order placing primary references returning select
session_user some symmetric system_user table then to trailing true union unique user using variadic when where
window with authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join
left like natural notnull outer overlaps right similar tablesample verbose
"""
_COLUMN_NAMES = """
between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping inout int
integer interval json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar
json_serialize json_table json_value least merge_action national nchar none normalize nullif numeric out overlay
position precision real row setof smallint substring time timestamp treat trim values varchar xmlattributes
xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
_UNRESERVED = """
abort absent absolute access action add admin after aggregate also alter always asensitive assertion assignment at
atomic attach attribute backward before begin breadth by cache call called cascade cascaded catalog chain
characteristics checkpoint class close cluster columns comment comments commit committed compression conditional
configuration conflict connection constraints content continue conversion copy cost csv cube current cursor cycle
data database day deallocate declare defaults deferred definer delete delimiter delimiters depends depth detach
dictionary disable discard document domain double drop each empty enable encoding encrypted enforced enum error
escape event exclude excluding exclusive execute explain expression extension external family filter finalize first
following force format forward function functions generated global granted groups handler header hold hour identity
if immediate immutable implicit import include including increment indent index indexes inherit inherits inline
input insensitive insert instead invoker isolation keep key keys label language large last leakproof level listen
load local location lock locked logged mapping match matched materialized maxvalue merge method minute minvalue mode
month move name names nested new next nfc nfd nfkc nfkd no normalized nothing notify nowait nulls object objects of
off oids old omit operator option options ordinality others over overriding owned owner parallel parameter parser
partial partition passing password path period plan plans policy preceding prepare prepared preserve prior
privileges procedural procedure procedures program publication quote quotes range read reassign recursive ref
referencing refresh reindex relative release rename repeatable replace replica reset restart restrict return returns
revoke role rollback rollup routine routines rows rule savepoint scalar schema schemas scroll search second security
sequence sequences serializable server session set sets share show simple skip snapshot source sql stable standalone
start statement statistics stdin stdout storage stored strict string strip subscription support sysid system tables
tablespace target temp template temporary text ties transaction transform trigger truncate trusted type types
uescape unbounded uncommitted unconditional unencrypted unknown unlisten unlogged until update vacuum valid validate
validator value varying version view views virtual volatile whitespace within without work wrapper write xml year
yes zone
"""
_MADE_UP = """
abs age array ascii avg bool bool_and bool_or bpchar btrim ceil ceiling char_length concat count cume_dist date
date_part date_trunc dense_rank every exp float4 float8 floor initcap int2 int4 int8 length lower lpad ltrim max md5
min mod ntile now octet_length percent_rank power rank repeat reverse round row_number rpad rtrim sign split_part sqrt
starts_with stddev strpos string_agg substr sum timestamptz timetz to_char translate trunc upper uuid variance ctid
xmin xmax cmin cmax tableoid oid pg_catalog information_schema dow doy epoch quarter week
"""
_AWKWARD = "by current following groups over partition preceding range rows unbounded within uescape"

_SAFE = frozenset(_UNRESERVED.split()) - frozenset(_AWKWARD.split())
_CALLED = frozenset(["coalesce", "greatest", "least", "nullif", "trim"])

POSTGRESQL = Syntax(
    dialect="postgresql",
    rules=_RULES,
    operators=tuple(_OPERATORS.split()),
    quotes='"',
    keywords=frozenset((_RESERVED + _COLUMN_NAMES + _UNRESERVED).split()),
    names={
        "operand": _SAFE,
        "label": frozenset(),
        "alias": frozenset(),
        "any": _SAFE,
        "called": _CALLED,
    },
    # also what PostgreSQL calls result columns that have no name of their own
    never_invented=frozenset(_MADE_UP.split()),
    stack=96,
    typed=True,
)
