"""Builds a mutant beside the build folder, of which it only reads: one object, one archive, one library."""
import json
import os
import pathlib
import resource
import shlex
import shutil
import signal
import subprocess

ROOMS = ("ir", "passes", "codegen", "dsl")  # what mutants are of, and what they are linked with
PROGRAMS = ("gnc", "gnc-opt", "unit-ir", "unit-passes", "unit-dsl", "unit-codegen")
MEMORY = 96 << 30  # bytes of address space that a test of a mutant may take: the software card alone reserves 76 << 30


def limits():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pathlib.Path("/proc/self/oom_score_adj").write_text("1000")  # if memory ends before that, this process goes


class Stillborn(Exception):
    """Not a mutant; says why, after 'mutants that'."""


class Workshop:
    """A copy of what was built, with the compiler library of one mutant at a time.

    `bin/` holds the programs, shared by all workers; `<worker>/lib` the mutated library, which
    LD_LIBRARY_PATH puts before the real one.
    """

    def __init__(self, root, work):
        self.root, self.build, self.work = root, root / "build", work
        database = json.loads((self.build / "compile_commands.json").read_text())
        self.compilers = {entry["file"]: shlex.split(entry["command"]) for entry in database}
        self.refuse_stale_build()
        self.link = self.command_with("lib/libgnc_compiler.so", "-shared")
        archives = [part for part in self.link if part.startswith("lib/") and part.endswith(".a")]
        (work / "bin").mkdir()
        (work / "archives").mkdir()
        for program in PROGRAMS:
            shutil.copy(self.build / "bin" / program, work / "bin")
        for name in [*archives, "lib/libgnc_compiler.so"]:
            shutil.copy(self.build / name, work / "archives")
        shutil.copytree(root / "dsl" / "std", work / "std")
        self.embed = self.command_with("dsl/StandardLibrary.cpp", "EmbedLibrary.cmake")
        if not self.reads_library(self.original("-original")):
            raise SystemExit("build/bin/gnc does not work: build first")

    def refuse_stale_build(self):
        """A mutant of a text that the build has not seen would be linked with what does not fit it."""
        made = {pathlib.Path(name): self.build / command[command.index("-o") + 1]
                for name, command in self.compilers.items()}
        made.update((text, self.build / "dsl" / "StandardLibrary.cpp") for text in self.root.glob("dsl/std/*.net"))
        for source, output in made.items():
            inside = source.is_relative_to(self.root) and source.relative_to(self.root).parts[0] in ROOMS
            if inside and not (output.exists() and output.stat().st_mtime >= source.stat().st_mtime):
                raise SystemExit(f"{source.relative_to(self.root)} is newer than the build: build first")

    def command_with(self, target, word):
        """The last command that makes `target` in which `word` occurs, without the shell around it."""
        text = subprocess.run(["ninja", "-C", self.build, "-t", "commands", target], check=True, text=True,
                              capture_output=True).stdout
        line = [line for line in text.splitlines() if word in line][-1]
        parts = [part for part in line.split(" && ") if word in part]
        return shlex.split(parts[-1])

    def folder(self, worker):
        """A worker's folder, which looks like a build folder."""
        folder = self.work / f"worker{worker}"
        if not folder.exists():
            (folder / "lib").mkdir(parents=True)
            (folder / "bin").symlink_to("../bin")
            emulator = "libgnc_cuda_emulator.so"
            (folder / "lib" / emulator).symlink_to(self.build / "lib" / emulator)
        return folder

    def environment(self, folder):
        """The mutated library is found first, nothing compiled earlier is, and tests draw the same for everybody."""
        return dict(os.environ, LD_LIBRARY_PATH=str(folder / "lib"), GNC=str(folder / "bin" / "gnc"), GNC_CACHE="off",
                    GNC_TEST_SEED="1", GNC_TEST_SCALE="sample")

    def run(self, arguments, env=None, check=False, timeout=None):
        """Like subprocess.run. A command out of time is killed with all that it started."""
        process = subprocess.Popen(list(map(str, arguments)), cwd=self.build, env=env, text=True, errors="replace",
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                                   preexec_fn=limits)
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        done = subprocess.CompletedProcess(arguments, process.returncode, output, errors)
        if check:
            done.check_returncode()
        return done

    #===- building -------------------------------------------------------------------------------===#

    def original(self, worker):
        """The library as it is."""
        folder = self.folder(worker)
        shutil.copy(self.work / "archives" / "libgnc_compiler.so", folder / "lib")
        return folder

    def build_mutant(self, worker, mutant):
        """The library with the mutant, or Stillborn."""
        folder = self.folder(worker)
        if mutant.path.endswith(".net"):
            source = self.embedded(folder, mutant)
            name = str(self.build / "dsl" / "StandardLibrary.cpp")
        else:
            # `#line` makes assertions, and so the object code, those of the source in its place.
            name = str(self.root / mutant.path)
            source = folder / pathlib.Path(mutant.path).name
            source.write_text(f'#line 1 "{name}"\n{mutant.text}')
        found = self.compile(folder, name, source)
        self.link_library(folder, *found)
        if mutant.path.endswith(".net") and not self.reads_library(folder):
            raise Stillborn("do not parse") # nothing at all could be compiled
        return folder

    def embedded(self, folder, mutant):
        """The library text as the source that the build makes of it."""
        texts = folder / "std"
        shutil.rmtree(texts, ignore_errors=True)
        shutil.copytree(self.work / "std", texts)
        (texts / pathlib.Path(mutant.path).name).write_text(mutant.text)
        source = folder / "StandardLibrary.cpp"
        replaced = {"-DOUTPUT": source, "-DFOLDER": texts}
        self.run([f"{part.split('=')[0]}={replaced[part.split('=')[0]]}" if part.split("=")[0] in replaced else part
                  for part in self.embed], check=True)
        return source

    def compile(self, folder, name, source):
        """The new object, its name in the archive, and the archive."""
        command = [part for part in self.compilers[name] if part != "-Werror"] + ["-w"]
        output = command.index("-o") + 1
        object_path, command[output] = pathlib.Path(command[output]), folder / "mutant.o"
        command[command.index("-c") + 1] = source
        if self.run(command, timeout=600).returncode:
            raise Stillborn("do not compile")
        archive = f"lib{object_path.parent.name.removesuffix('.dir')}.a"
        before = subprocess.run(["ar", "p", self.work / "archives" / archive, object_path.name], check=True,
                                capture_output=True).stdout
        if before == (folder / "mutant.o").read_bytes():
            raise Stillborn("have the same object code")
        return folder / "mutant.o", object_path.name, archive

    def link_library(self, folder, made, member, archive):
        made.rename(folder / member)
        shutil.copy(self.work / "archives" / archive, folder / archive)
        self.run(["ar", "r", folder / archive, folder / member], check=True)
        command = list(self.link)
        command[command.index("-o") + 1] = str(folder / "lib" / "libgnc_compiler.so")
        for i, part in enumerate(command):
            if part.endswith(".a") and part.startswith("lib/"):
                name = pathlib.Path(part).name
                command[i] = str(folder / archive if name == archive else self.work / "archives" / name)
        done = self.run(command)
        if done.returncode:
            raise Stillborn("do not link")

    def reads_library(self, folder):
        return self.run([folder / "bin" / "gnc", "std"], env=self.environment(folder), timeout=60).returncode == 0
