#include "tools/Options.h"

#include "tools/Usage.h"

#include <CLI/CLI.hpp>

namespace gnc::tools {

namespace {
void addDiagnosticFormat(CLI::App &command, OptionTexts &texts) {
  command
      .add_option("--diagnostic-format", texts.diagnosticFormat, "text, or json: an object a line")
      ->check(CLI::IsMember({"text", "json"}));
}

void addFile(CLI::App &command, Arguments &arguments) {
  command
      .add_option("file", arguments.compile.file,
                  "a .net file, a .gnc that `gnc compile` made, or a .mlir printed by --emit")
      ->required()
      ->type_name("FILE");
  command.add_option("net", arguments.compile.net, "the net, if the file trains several")
      ->type_name("NET");
}

/// What every command that compiles takes.
void addCompile(CLI::App &command, Arguments &arguments, OptionTexts &texts) {
  addFile(command, arguments);
  command.add_option("-s", texts.settings, "a setting of the net or of its train section")
      ->type_name("NAME=VALUE")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command.add_option("--data", arguments.compile.data, "where the data are")
      ->type_name("DIR|synthetic:N")
      ->check(isDataSource());
  command.add_option("--seed", arguments.compile.seed, "in place of the train section's")
      ->check(isSeed());
  command.add_option("--batch", arguments.compile.batch, "samples at a time")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 24));
  command
      .add_option("--opt", arguments.compile.optLevel, "LLVM's own passes: 0 none, 1 few, 2 all")
      ->check(CLI::Range(0, 2));
  command
      .add_option("--vector-bits", arguments.compile.vectorBits,
                  "128, 256 or 512; default: the machine's")
      ->check(CLI::IsMember({128, 256, 512}));
  command
      .add_option(
          "--memory", arguments.compile.memory,
          "what the tensors of a program may take, as 300MiB: a training then computes some "
          "twice instead of keeping them")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/true))
      ->type_name("SIZE");
  command
      .add_option("--disable", arguments.compile.disabledPasses,
                  "leave passes out; they are listed below")
      ->type_name("PASS[,PASS]")
      ->delimiter(',')
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command.footer(passList); // asked for only where help is printed
  command
      .add_option("--target", arguments.compile.card,
                  "sm_75 to sm_120: for a CUDA card; default: this machine's processor")
      ->type_name("SM");
  command
      .add_option("--codegen", arguments.compile.codegen,
                  "how a card's PTX is made: nvptx (by LLVM), or nvrtc (by NVIDIA, from CUDA C++)")
      ->check(CLI::IsMember({"nvptx", "nvrtc"}));
  command
      .add_option("--library", arguments.compile.library,
                  "cudnn: give a card's convolutions to NVIDIA's library, where it has plans")
      ->check(CLI::IsMember({"cudnn"}));
  command.add_option("--cudnn", arguments.compile.cudnn, "in place of the system's libcudnn.so.9")
      ->type_name("FILE");
  command
      .add_option("--cpu", arguments.cpus,
                  "native, x86-64-v2, x86-64-v3 or x86-64-v4; of -o FILE.gnc several, or none")
      ->type_name("LEVEL[,LEVEL]")
      ->delimiter(',')
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"native", "x86-64-v2", "x86-64-v3", "x86-64-v4", "none"}));
  command.add_flag("--verify-each", arguments.compile.verifyEach,
                   "verify the program after every pass");
  addDiagnosticFormat(command, texts);
  command.add_flag("--time", arguments.compile.timing, "say how long compiling took");
  command
      .add_option("--cache", arguments.cache,
                  "where compiled nets are kept; default: $GNC_CACHE, or ~/.cache/gnc")
      ->type_name("DIR|off");
}

void addThreads(CLI::App &command, Arguments &arguments) {
  command.add_option("--threads", arguments.threads, "default: all processors")
      ->check(CLI::Range(1, 1024));
}

/// Where to run, for every command that does.
void addDevice(CLI::App &command, Arguments &arguments) {
  command
      .add_option("--device", arguments.device,
                  "cpu, cuda or cuda:N (a card), emulator (a card in software); gnc devices lists "
                  "them")
      ->check(isDevice())
      ->type_name("DEVICE");
  command
      .add_option("--cuda-driver", arguments.cudaDriver, "in place of the system's libcuda.so.1")
      ->type_name("FILE");
  command.add_flag("--emulator-check", arguments.emulatorCheck,
                   "emulator: find races, misused barriers, bad and uninitialised addresses");
  command.add_flag("--emulator-stats", arguments.emulatorStats,
                   "emulator: count what every kernel does");
}

void addTrain(CLI::App &app, Arguments &arguments, OptionTexts &texts) {
  CLI::App &command = *app.add_subcommand("train", "train a net");
  addCompile(command, arguments, texts);
  addThreads(command, arguments);
  addDevice(command, arguments);
  command.add_option("--out", arguments.out, "folder of the results; default: runs/FILE")
      ->type_name("DIR");
  command.add_flag("--resume", arguments.resume, "go on from last.safetensors in --out");
  const CLI::Range length(int64_t(1), int64_t(1) << 40);
  command.add_option("--epochs", arguments.epochs, "in place of the train section's")
      ->check(length);
  command.add_option("--steps", arguments.steps, "in place of the train section's")->check(length);
  command
      .add_option("--on-nan", arguments.onNan,
                  "at a step that is not finite: stop, or continue without it")
      ->check(CLI::IsMember({"stop", "continue"}));
  command.add_flag("--partial", arguments.partial,
                   "init: take the weights that fit, start the others afresh");
  command
      .add_option("--checkpoint-every", arguments.checkpointEvery,
                  "steps between checkpoints; default: by time")
      ->check(length);
  command
      .add_option("--profile", arguments.profile,
                  "a trace of the first steps, for ui.perfetto.dev; they run a little slower")
      ->type_name("FILE");
}

void addWeights(CLI::App &command, Arguments &arguments) {
  command
      .add_option("--weights", arguments.weights,
                  "a .safetensors file; default: those in a .gnc file")
      ->type_name("FILE");
}

void addEval(CLI::App &app, Arguments &arguments, OptionTexts &texts) {
  CLI::App &command = *app.add_subcommand("eval", "loss and metrics of a split");
  addCompile(command, arguments, texts);
  addThreads(command, arguments);
  addDevice(command, arguments);
  addWeights(command, arguments);
  command.add_option("--split", arguments.split, "test, validation or train")
      ->check(CLI::IsMember({"test", "validation", "train"}));
}

void addInfer(CLI::App &app, Arguments &arguments, OptionTexts &texts) {
  CLI::App &command = *app.add_subcommand("infer", "answers for samples, one line each");
  addCompile(command, arguments, texts);
  addThreads(command, arguments);
  addDevice(command, arguments);
  addWeights(command, arguments);
  command
      .add_option("--input", arguments.inputs,
                  "an IDX, NPY, PNG or JPEG file for each field, or a sample of the data (test:0)")
      ->type_name("FIELD=FILE|SPLIT:N")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command.add_option("--split", arguments.split, "without --input: test, validation or train")
      ->check(CLI::IsMember({"test", "validation", "train"}));
  command.add_flag("--json", arguments.json, "one JSON object a line");
}

void addReports(CLI::App &app, Arguments &arguments, OptionTexts &texts) {
  CLI::App &check = *app.add_subcommand("check", "every check, no data opened");
  addCompile(check, arguments, texts);
  check.add_flag(
      "--grad", arguments.compile.gradients,
      "compare the gradient of every op with difference quotients; FILE std is the library");
  check.add_flag("--werror", arguments.compile.warningsAreErrors,
                 "exit with 1 after a warning too");
  check.add_flag("-q,--quiet", arguments.quiet, "say nothing if all is well");
  CLI::App &summary =
      *app.add_subcommand("summary", "layers, shapes, parameters, multiply-adds, memory");
  addCompile(summary, arguments, texts);
  summary
      .add_option("--depth", arguments.compile.depth,
                  "levels of rows: 1 is the net's own body, 2 shows the blocks in it")
      ->check(CLI::Range(1, 100));
  CLI::App &compile =
      *app.add_subcommand("compile", "machine code, or the program at any phase before it");
  addCompile(compile, arguments, texts);
  compile
      .add_option("--emit", arguments.emit,
                  "ast, graph, train, fused, tiled, buffers, llvm, asm or obj; ptx, cuda, cubin")
      ->type_name("PHASE");
  compile.add_flag("--report", arguments.report,
                   "what every launch will cost on the card of --target");
  compile.add_option("--program", arguments.compile.programs, "only train, eval or infer")
      ->check(CLI::IsMember({"train", "eval", "infer"}))
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  compile
      .add_option("-o", arguments.output,
                  "NET.o with a header NET.h, NET.so, NET.gnc, NET.s; with --emit any file, or -")
      ->type_name("FILE");
  compile.add_option("--weights", arguments.weights, "a .safetensors file to put into -o")
      ->type_name("FILE");
}

void addBench(CLI::App &app, Arguments &arguments, OptionTexts &texts) {
  CLI::App &command = *app.add_subcommand("bench", "how fast a net is, and where the time goes");
  addCompile(command, arguments, texts);
  addThreads(command, arguments);
  addDevice(command, arguments);
  command
      .add_option("--program", arguments.compile.programs,
                  "train, eval or infer; default: train and infer")
      ->check(CLI::IsMember({"train", "eval", "infer"}))
      ->expected(1);
  command.add_option("--steps", arguments.steps, "how often to run; default: for a second")
      ->check(CLI::Range(1, 1000000));
  command.add_flag("--launches", arguments.launches, "every launch, after the layers");
  command.add_flag("--json", arguments.json, "one JSON object a program");
}

void addDevices(CLI::App &app, Arguments &arguments) {
  CLI::App &command = *app.add_subcommand("devices", "what programs can run on here");
  command
      .add_option("--cuda-driver", arguments.cudaDriver, "in place of the system's libcuda.so.1")
      ->type_name("FILE");
}

void addEmulate(CLI::App &app, EmulateRequest &request) {
  CLI::App &command =
      *app.add_subcommand("emulate", "a kernel of any PTX text, on the card in software");
  command.add_option("file", request.file, "PTX")->required()->type_name("FILE");
  command.add_option("--kernel", request.kernel, "default: the only one")->type_name("NAME");
  for (auto [option, size, what] : {std::tuple("--grid", &request.grid, "blocks; default: 1"),
                                    std::tuple("--block", &request.block, "threads; default: 32")})
    command.add_option(option, *size, what)
        ->type_name("X[,Y[,Z]]")
        ->delimiter(',')
        ->expected(1, 3)
        ->allow_extra_args(false);
  command.add_option("--shared", request.shared, "bytes of dynamic shared memory");
  command
      .add_option("--arg", request.arguments,
                  "a parameter: u32=5, f32[1024]=random (zero, ramp, unset, NUMBER), or FILE.npy")
      ->type_name("TYPE=VALUE|FILE")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command
      .add_option("--print", request.print, "print this buffer afterwards; the first --arg is 0")
      ->type_name("N")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command.add_option("--save", request.save, "write it as NumPy's array")
      ->type_name("N=FILE")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command.add_option("--card", request.card, "sm_75 to sm_120; default: sm_80")->type_name("SM");
  command.add_flag("--check", request.check,
                   "find races, misused barriers, bad and uninitialised addresses");
  command.add_flag("--stats", request.statistics, "count what the kernel does");
  command.add_flag("--time", request.time,
                   "how long the launch took, and what a second one counts in that time");
  command
      .add_option("--seed", request.seed, "of random buffers, and of the order of warps in --check")
      ->check(isSeed());
  command.add_option("--threads", request.threads, "default: 1")->check(CLI::Range(1, 1024));
}

/// The language's own tools.
void addTexts(CLI::App &app, Arguments &arguments, OptionTexts &texts) {
  CLI::App &format = *app.add_subcommand("fmt", "put files into the canonical form");
  format.add_option("files", arguments.files, ".net files; - is stdin, written to stdout")
      ->required()
      ->type_name("FILE");
  format.add_flag("--check", arguments.checkOnly, "only list the files that would change");
  format.add_flag("--shapes", arguments.compile.shapes,
                  "write the shape behind every line of a chain that an arrow leads");
  addDiagnosticFormat(format, texts);
  CLI::App &library = *app.add_subcommand("std", "the source of a layer, op or optimizer");
  library.add_option("name", arguments.name, "default: list all")->type_name("NAME");
  CLI::App &gradient =
      *app.add_subcommand("grad", "the derived gradient of an op, as the text of an op");
  gradient.add_option("op", arguments.name, "FILE:NAME; without a file, of the standard library")
      ->required()
      ->type_name("[FILE:]OP");
  gradient
      .add_option("-s", texts.settings,
                  "the shape of an input (x=4x16x16), a dimension (C=4), or a setting (stride=2)")
      ->type_name("NAME=VALUE")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  addDiagnosticFormat(gradient, texts);
  CLI::App &explain = *app.add_subcommand("explain", "what a message means and how to mend it");
  explain.add_option("slug", arguments.name, "the word in brackets; default: list all")
      ->type_name("SLUG");
}

void addLanguageServer(CLI::App &app, Arguments &arguments) {
  CLI::App &server =
      *app.add_subcommand("lsp", "the language server, for editors, on stdin and stdout");
  server.add_flag("--lit-test", arguments.delimited, "for tests")->group("");
  server.add_flag("--stdio")->description("accepted: there is no other way to talk");
}

/// What an installation brings along; made from the tables above.
void addPages(CLI::App &app, Arguments &arguments) {
  CLI::App &completions =
      *app.add_subcommand("completions", "the script that completes gnc's commands in a shell");
  completions.add_option("shell", arguments.name, "which shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  app.add_subcommand("man", "the manual page, as roff: gnc man | man -l -");
}
} // namespace

void addOptions(CLI::App &app, Arguments &arguments, EmulateRequest &emulation,
                OptionTexts &texts) {
  addTrain(app, arguments, texts);
  addEval(app, arguments, texts);
  addInfer(app, arguments, texts);
  addReports(app, arguments, texts);
  addBench(app, arguments, texts);
  addDevices(app, arguments);
  addEmulate(app, emulation);
  addTexts(app, arguments, texts);
  addLanguageServer(app, arguments);
  addPages(app, arguments);
}

} // namespace gnc::tools
