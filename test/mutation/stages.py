"""The tests that a mutant meets, cheap ones first, until one fails."""
import re
import subprocess
import time

LIT = "/usr/lib/llvm-22/bin/lit"

# name: (program, what of it). `unit-*`: a filter of GoogleTest; `lit`: paths below test/; others: arguments.
STAGES = {
    "passes lit": ("lit", ["passes"]),
    "passes units": ("unit-passes", "-Random*:Simplify.*"),
    "passes random": ("unit-passes", "Random*:Simplify.*"),
    "gradient units": ("unit-passes", "Gradient*:CompareGradients*"),
    "random gradients": ("unit-passes", "RandomGradient*"),
    "index math": ("unit-ir", "*"),
    "gradient texts": ("lit", ["passes/autodiff.mlir", "passes/autodiff-errors.mlir", "passes/simplify.mlir",
                               "tools/grad.test", "tools/check-grad.test"]),
    "library values": ("unit-dsl", "Library.Values:Library.Extremes:Library.DocumentedUses:LibraryTraining*:"
                                   "LibraryRequire*"),
    "library gradients": ("unit-dsl", "Library.Gradients"),
    "check --grad": ("gnc", ["check", "--grad", "std"]),
    "gradient as text": ("unit-dsl", "GradientText.*"),
    "language units": ("unit-dsl", "-*Fuzz*:Library*:GradientText.*:Format.MutantsSettle:ShapeColumn*:Worker*"),
    "language lit": ("lit", ["dsl"]),
    "training lit": ("lit", ["runtime/metrics.test", "runtime/optimizers.test", "runtime/augment.test",
                             "runtime/average.test", "runtime/init.test"]),
    "code lit": ("lit", ["codegen"]),
    "tool lit": ("lit", ["tools"]),
    "passes values": ("unit-codegen", "FoldWeights*:HalfPrecision*:Equation*"),
    "code units": ("unit-codegen", "-*Gpu*:*OnACard*:*Random*:TrainingTest*:KernelKeyTest*:ExactTest.longRows:JitTest*"),
    "code random": ("unit-codegen", "*Random*:LibraryCode*-*OnACard*"),
    "code training": ("unit-codegen", "TrainingTest*:KernelKeyTest*:ExactTest.longRows:JitTest*"),
    "examples": ("system", "examples"),
    "PyTorch": ("system", "torch"),
}

# A group's stages, in order. What a mutant survives it has survived in all of them.
ORDER = {
    "passes": ["passes lit", "passes units", "passes values", "passes random", "code units", "code lit", "code random",
               "library values", "gradient as text", "code training", "tool lit", "language units", "PyTorch"],
    "gradients": ["gradient units", "gradient texts", "index math", "library gradients", "random gradients",
                  "passes units", "passes lit", "gradient as text", "check --grad", "language lit", "passes random",
                  "code lit", "code units", "code random", "code training", "language units", "PyTorch"],
    "code": ["code units", "code lit", "code random", "code training", "PyTorch"],
    "library": ["library values", "library gradients", "training lit", "language lit", "language units", "code lit",
                "tool lit", "gradient as text", "check --grad", "code training", "examples", "PyTorch"],
}


class Stages:
    """Runs stages; knows of each, from the library as it is, that it passes, and how long it takes."""

    def __init__(self, workshop, most=None):
        self.workshop, self.most, self.seconds = workshop, most, {}

    def prepare(self, name):
        """The first use of a stage is on the library as it is: a test that fails there kills nobody."""
        if name in self.seconds:
            return
        folder = self.workshop.folder("-original")
        begin = time.monotonic()
        failed = self.run(name, folder, 3600)
        if failed:
            raise SystemExit(f"stage '{name}' fails without any mutation: {failed}")
        self.seconds[name] = time.monotonic() - begin
        print(f"without mutation: {name}: {self.seconds[name]:.0f} s", flush=True)

    def first_failure(self, group, folder, lock):
        """The test that kills the mutant, or None."""
        for name in ORDER[group][:self.most]:
            with lock:
                self.prepare(name)
            failed = self.run(name, folder, 20 + 5 * self.seconds[name])
            if failed:
                return failed
        return None

    def run(self, name, folder, limit):
        program, what = STAGES[name]
        root, tests = self.workshop.root, self.workshop.root / "test"
        if program.startswith("unit-"):
            command = [folder / "bin" / program, f"--gtest_filter={what}", "--gtest_fail_fast"]
        elif program == "lit":
            command = [LIT, "-q", "-j1", "--param", f"build={folder}", *[tests / path for path in what]]
        elif program == "system":
            command = [tests / "system" / what]
        else:
            command = [folder / "bin" / program, *what]
        try:
            done = self.workshop.run(command, env=self.workshop.environment(folder), timeout=limit)
        except subprocess.TimeoutExpired:
            return f"{name}: no end after {limit:.0f} s"
        if done.returncode == 0:
            return None
        return f"{name}: {self.culprit(program, done)}"

    @staticmethod
    def culprit(program, done):
        """The name of the test that failed, as its program prints it."""
        text = done.stdout + done.stderr
        ended = f" (signal {-done.returncode})" if done.returncode < 0 else ""
        if program.startswith("unit-"):
            ran = re.findall(r"\[ RUN      \] (\S+)", text)
            failed = re.findall(r"\[  FAILED  \] ([\w.]+)", text)
            return (failed or ran[-1:] or ["before the first test"])[0] + ended
        if program == "lit":
            failed = re.findall(r"^(?:FAIL|UNRESOLVED|TIMEOUT): \S+ :: (\S+)", text, re.M)
            return failed[0] if failed else f"lit ends with {done.returncode}"
        lines = [line for line in text.splitlines() if "error:" in line] or text.splitlines() or [""]
        return lines[0][:100] + ended
