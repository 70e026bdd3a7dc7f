"""Rules that change one thing in a source, and the candidates they find.

A rule is a pattern over one line in which comments, strings and character literals are blanked out, and
what a match becomes. It need not look for meaning: what does not compile, or compiles to the same object
code, is drawn anew.
"""
import dataclasses
import hashlib
import pathlib
import re


@dataclasses.dataclass(frozen=True)
class Mutant:
    path: str  # from the root of the repository
    line: int  # from 1
    rule: str
    before: str  # the line without its indentation
    after: str
    text: str  # the whole mutated file
    again: int = 0  # how many equal lines with this change stand above

    @property
    def key(self):
        """Names the mutant as long as its line stands, wherever it moves in its file."""
        again = f" | again {self.again}" if self.again else ""
        return f"{self.path} | {self.rule} | {self.before} | {self.after}{again}"

    def rank(self, seed):
        """A random number that depends on nothing else in the sources, so that editing a line
        leaves the draw of all others as it was."""
        return hashlib.sha256(f"{seed} | {self.key}".encode()).hexdigest()


# What a simple operand is: a name, a member or an element, without spaces.
OPERAND = r"[\w.]+(?:\[\w+\])?(?:->\w+)*"


def swapped(operator):
    return (rf"(?<![\w.\])*/]) ?\b({OPERAND}) ({operator}) ({OPERAND})(?![\w(\[.])", lambda m: m[0].replace(
        f"{m[1]} {m[2]} {m[3]}", f"{m[3]} {m[2]} {m[1]}"))


def next_number(match):
    return str(int(match[0]) + 1)


def other(*words):
    """Each of two words becomes the other."""
    table = dict((words, words[::-1]))
    return (r"(?<![\w])(?:" + "|".join(map(re.escape, words)) + r")(?![\w])", lambda m: table[m[0]])


BOTH = [  # of C++ and of the library's language
    ("sign", r" \+ ", " - "),
    ("sign", r"(?<=[\w)\]]) - ", " + "),
    ("sign", r"(?<=[(,=] )-(?=[\w(])|(?<=[(\[,])-(?=[\w(])", ""),
    ("bound", r" < ", " <= "),
    ("bound", r" <= ", " < "),
    ("bound", r" > ", " >= "),
    ("bound", r" >= ", " > "),
    ("comparison", r" == ", " != "),
    ("comparison", r" != ", " == "),
    ("constant", r"(?<![\w.])\d+(?![\w.])", next_number),
    ("constant", r"(?<![\w.])\d+\.\d+(?![\w.])", lambda m: f"1{m[0]}"),
    ("operands", *swapped("-")),
    ("operands", *swapped("/")),
    ("boolean", *other("true", "false")),
    ("product", r"(?<=[\w)\]]) \* (?=[\w(])", " + "),
    ("product", r"(?<=[\w)\]]) / (?=[\w(])", " * "),
]

CPP = BOTH + [
    ("sign", r" \+= ", " -= "),
    ("sign", r" -= ", " += "),
    ("logic", r" && ", " || "),
    ("logic", r" \|\| ", " && "),
    ("negation", r"!(?=[\w(])", ""),
    ("guard", r"(?<=\bif \()([^;]*)(?=\)( \{|$| return| continue| break))",
     lambda m: f"{m[1]}; false" if re.match(r"(const )?auto\b", m[1]) else f"false && ({m[1]})"),
    ("guard", r"(?<=\bif \()(?!(?:const )?auto\b)([^;]*)(?=\)( \{|$| return| continue| break))",
     lambda m: f"true || ({m[1]})"),
    ("statement", r"^(\s+)(?!return|break|continue|delete|using|case|default|static|auto|const|if|for|while)"
     r"[\w.>\[\]-]+(\(.*\)| [-+*/|&]?= .*);$", lambda m: f"{m[1]};"),
    ("statement", r"\b(continue|break);", ";"),
    ("extreme", *other("std::min", "std::max")),
    ("extreme", *other("min_element", "max_element")),
    ("extreme", *other("ArgMax", "ArgMin")),
    ("extreme", *other("Reduction::Max", "Reduction::Min")),
    ("quantifier", *other("any_of", "all_of")),
    ("quantifier", *other("none_of", "any_of")),
    ("slice", *other("drop_front", "drop_back")),
    ("slice", *other("take_front", "take_back")),
    ("arguments", rf"(?<=\w\()({OPERAND}(?:\(\))?), ({OPERAND}(?:\(\))?)(?=\))", lambda m: f"{m[2]}, {m[1]}"),
    ("operation", *other("arith::AddFOp", "arith::SubFOp")),
    ("operation", *other("arith::MulFOp", "arith::DivFOp")),
    ("operation", *other("MaximumFOp", "MinimumFOp")),
    ("operation", *other("CmpFPredicate::OLT", "CmpFPredicate::OGT")),
    ("operation", *other("s.add", "s.sub")),
    ("operation", *other("s.mul", "s.div")),
    ("operation", r"\bs\.neg(?=\()", ""),
    ("operation", *other("floorDiv", "ceilDiv")),
    ("operation", *other("isConstant", "!isConstant")),
]

NET = BOTH + [
    ("logic", *other("and", "or")),
    ("negation", r"\bnot ", ""),
    ("guard", r"^\s*require (?!.*,$).*$", ""),
    ("guard", r"(?<=\bif )[^{}]+?(?= then| \{)", lambda m: f"({m[0]}) or 1 == 1"),
    ("guard", r"(?<=\bif )[^{}]+?(?= then| \{)", lambda m: f"({m[0]}) and 1 == 0"),
    ("branches", r"\bthen ([^()]+|\([^()]*\)) else ([^(),]+|\([^()]*\))(?=[),]|$)",
     lambda m: f"then {m[2]} else {m[1]}"),
    ("outside", r"(?<=\?\? )0", "1"),
    ("outside", r"(?<=\?\? )-inf", "0"),
    ("outside", r"(?<=\?\? )edge", "0"),
    ("statement", r"^(\s+)\w+(\[[\w, .]*\])? *(=|<-) .*[\w)\]]$", lambda m: m[1]),
    ("statement", r" @nodecay\b", ""),
    ("extreme", *other("max", "min")),
    ("extreme", *other("argmax", "argmin")),
    ("operation", *other("sum", "mean")),
    ("operation", *other("exp", "expm1")),
    ("operation", *other("log", "log1p")),
    ("operation", *other("sin", "cos")),
    ("operation", *other("floor", "ceil")),
    ("operation", r"\b(stop|abs|sqrt|tanh|sigmoid)(?=\()", ""),
    ("operation", r" // ", " / "),
    ("operation", r" % ", " // "),
    ("power", r"\^2\b", ""),
    ("member", *other(".h", ".w")),
    ("access", r"\bi\b(?=[\],*])", "j"),
    ("access", r"\[k, i\.\.\]", "[0, i..]"),
]


def blank(match):
    return re.sub(r"\S", "\0", match[0])


def masked_cpp(text):
    """The text with comments, literals and preprocessor lines blanked out, every place as it was."""
    text = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', blank, text, flags=re.S)
    text = re.sub(r"^#.*$|\bassert\(.*$|\bstatic_assert\(.*$", blank, text, flags=re.M)
    return re.sub(r"<[\w:, *]*\d[\w:, *]*>", blank, text)  # sizes of vectors


def masked_net(text):
    return re.sub(r'#[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text)


def candidates(root, path):
    """All mutants of a file."""
    text = (pathlib.Path(root) / path).read_text()
    cpp = path.endswith(".cpp")
    masked = (masked_cpp if cpp else masked_net)(text).split("\n")
    lines = text.split("\n")
    seen = {}
    for number, (line, mask) in enumerate(zip(lines, masked)):
        for rule, pattern, becomes in CPP if cpp else NET:
            for match in re.finditer(pattern, mask):
                if "\0" in match[0] and rule not in ("statement", "guard"):
                    continue
                # The replacement is made of the line itself, where literals stand in it.
                real = re.compile(pattern).search(line, match.start()) if "\0" in match[0] else match
                if not real or real.span() != match.span():
                    continue
                new = becomes(real) if callable(becomes) else becomes
                changed = line[:match.start()] + new + line[match.end():]
                if changed == line:
                    continue
                key = (rule, line.strip(), changed.strip())
                seen[key] = seen.get(key, -1) + 1
                yield Mutant(path, number + 1, *key, "\n".join(lines[:number] + [changed] + lines[number + 1:]),
                             seen[key])


def ranked(mutants, seed):
    """The order in which a seed draws them: rules take turns, so that no frequent one crowds out the others."""
    by_rule = {}
    for mutant in sorted(mutants, key=lambda m: m.rank(seed)):
        by_rule.setdefault(mutant.rule, []).append(mutant)
    turns = sorted(by_rule, key=lambda rule: hashlib.sha256(f"{seed} {rule}".encode()).hexdigest())
    order = []
    for turn in range(max(map(len, by_rule.values()), default=0)):
        order += [by_rule[rule][turn] for rule in turns if turn < len(by_rule[rule])]
    return order
