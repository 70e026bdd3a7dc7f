//===- CompileApi.cpp - the compiler for host programs: libgnc_jit
//--------------------------------===//
#include "tools/gnc_compiler.h"

#include "runtime/ProgramFile.h"
#include "tools/CompileCache.h"
#include "tools/CompilerLibrary.h"

#include <cstring>
#include <new>
#include <nlohmann/json.hpp>

namespace gnc::tools {

namespace {
using Json = nlohmann::json;

//===- Statuses -------------------------------------------------------------------------------===//

gnc_status *statusOf(const runtime::Error &error) {
  runtime::SourceLocation where = error.location.value_or(runtime::SourceLocation());
  return gnc_status_create(gnc_code(error.code), error.slug.c_str(), error.message.c_str(),
                           error.help.c_str(), where.file.c_str(), where.line, where.column);
}

gnc_status *wrong(const std::string &message, const std::string &help) {
  return statusOf(runtime::usageError("api-argument", message).withHelp(help));
}

//===- Messages -------------------------------------------------------------------------------===//

/// Diagnostics as the compiler writes them for programs: a JSON object a line.
std::vector<Json> parseMessages(const std::string &lines) {
  std::vector<Json> messages;
  for (size_t begin = 0; begin < lines.size();) {
    size_t end = std::min(lines.find('\n', begin), lines.size());
    Json message = Json::parse(lines.begin() + long(begin), lines.begin() + long(end), nullptr,
                               /*allow_exceptions=*/false);
    if (message.is_object())
      messages.push_back(std::move(message));
    begin = end + 1;
  }
  return messages;
}

const char *textOf(const Json &object, const char *key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get_ref<const std::string &>().c_str()
                                                     : "";
}

int32_t numberOf(const Json &object, const char *key) {
  auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int32_t>() : 0;
}

std::vector<gnc_remark> remarksOf(const Json &message, const char *key) {
  std::vector<gnc_remark> remarks;
  for (const Json &remark : message.value(key, Json::array()))
    remarks.push_back({nullptr, nullptr, numberOf(remark, "line"), numberOf(remark, "column")});
  return remarks;
}

/// Texts of remarks, which stand in the message itself.
void pointInto(const Json &message, const char *key, std::vector<gnc_remark> &remarks) {
  for (size_t i = 0; i < remarks.size(); ++i) {
    const Json &remark = message.at(key).at(i);
    remarks[i].text = textOf(remark, "message");
    remarks[i].file = textOf(remark, "file");
  }
}

void tell(const Json &message, gnc_diagnostic_sink sink, void *user) {
  std::vector<gnc_remark> notes = remarksOf(message, "notes"), helps = remarksOf(message, "helps");
  pointInto(message, "notes", notes);
  pointInto(message, "helps", helps);
  gnc_diagnostic diagnostic{};
  diagnostic.size = sizeof diagnostic;
  diagnostic.severity = textOf(message, "severity");
  diagnostic.slug = textOf(message, "slug");
  diagnostic.message = textOf(message, "message");
  diagnostic.file = textOf(message, "file");
  diagnostic.line = numberOf(message, "line");
  diagnostic.column = numberOf(message, "column");
  if (auto end = message.find("end"); end != message.end() && end->is_object()) {
    diagnostic.end_line = numberOf(*end, "line");
    diagnostic.end_column = numberOf(*end, "column");
  }
  diagnostic.note_count = notes.size();
  diagnostic.notes = notes.data();
  diagnostic.help_count = helps.size();
  diagnostic.helps = helps.data();
  sink(user, &diagnostic);
}

/// The first error, as a status.
gnc_status *failureOf(const std::vector<Json> &messages, int exitCode) {
  for (const Json &message : messages)
    if (strcmp(textOf(message, "severity"), "error") == 0) {
      Json helps = message.value("helps", Json::array());
      return gnc_status_create(exitCode, textOf(message, "slug"), textOf(message, "message"),
                               helps.empty() ? "" : textOf(helps.front(), "message"),
                               textOf(message, "file"), numberOf(message, "line"),
                               numberOf(message, "column"));
    }
  return gnc_status_create(exitCode, "internal", "the compiler failed without a word", "", "", 0,
                           0);
}

//===- Requests -------------------------------------------------------------------------------===//

gnc_status *checkOptions(const gnc_compile_options &options) {
  if (!options.path)
    return wrong("gnc_compile_options.path is NULL",
                 "name the file, or what the text is to be called");
  if (options.batch < 0 || options.threads < 0 || options.threads > 1024)
    return wrong("gnc_compile_options has a batch or a number of threads out of range",
                 "0 leaves it to the compiler");
  if (options.opt_level < 0 || options.opt_level > 2)
    return wrong("there is no opt_level " + std::to_string(options.opt_level), "pass 0, 1 or 2");
  for (int32_t bits : {0, 128, 256, 512})
    if (options.vector_bits == bits)
      return options.modes < 8 ? nullptr
                               : wrong("gnc_compile_options.modes has unknown bits",
                                       "combine GNC_COMPILE_INFER, _EVAL and _TRAIN");
  return wrong("there are no vectors of " + std::to_string(options.vector_bits) + " bits",
               "pass 128, 256, 512, or 0 for this machine's");
}

CompileRequest requestOf(const gnc_compile_options &options) {
  CompileRequest request;
  auto text = [](const char *given) { return std::string(given ? given : ""); };
  request.file = options.path;
  if (options.text)
    request.text = options.text_bytes ? std::string(options.text, options.text_bytes)
                                      : std::string(options.text);
  request.net = text(options.net);
  for (auto setting = options.settings; setting && *setting; ++setting) {
    std::string both = *setting;
    size_t equals = std::min(both.find('='), both.size());
    request.settings.emplace_back(both.substr(0, equals),
                                  equals < both.size() ? both.substr(equals + 1) : "");
  }
  request.data = text(options.data);
  if (options.set_seed)
    request.seed = options.seed;
  request.batch = options.batch;
  const char *names[] = {"infer", "eval", "train"};
  for (int mode = 0; mode < 3; ++mode)
    if (options.modes >> mode & 1)
      request.programs.push_back(names[mode]);
  request.threads = options.threads;
  request.vectorBits = unsigned(options.vector_bits);
  request.optLevel = unsigned(options.opt_level);
  for (auto pass = options.disabled_passes; pass && *pass; ++pass)
    request.disabledPasses.emplace_back(*pass);
  request.memory = options.memory;
  request.jsonDiagnostics = true;
  return request;
}

gnc_status *load(std::span<const uint8_t> file, const CompileRequest &request,
                 gnc_program **program) {
  return gnc_program_load_memory(file.data(), file.size(), request.file.c_str(), program);
}

gnc_status *compile(const gnc_compile_options &options, gnc_diagnostic_sink sink, void *user,
                    gnc_program **program) {
  CompileRequest request = requestOf(options);
  CompileCache cache(options.cache ? options.cache : "");
  std::string key = cache.keyOf(request);
  auto tellAll = [&](const std::vector<Json> &messages) {
    for (const Json &message : messages)
      if (sink)
        tell(message, sink, user);
  };
  if (auto entry = cache.find(key)) {
    gnc_status *damaged = load(entry->program, request, program);
    if (!damaged) {
      tellAll(parseMessages(entry->diagnostics));
      return nullptr;
    }
    gnc_status_free(damaged); // it is written anew
  }
  runtime::Result<std::unique_ptr<Compiler>> compiler = loadCompiler();
  if (!compiler.ok())
    return statusOf(compiler.error());
  CompileReply reply = (*compiler)->compile(request);
  std::vector<Json> messages = parseMessages(reply.diagnostics);
  tellAll(messages);
  if (reply.exitCode)
    return failureOf(messages, reply.exitCode);
  runtime::ProgramVariant variant{&reply.net};
  auto file = runtime::programFileBytes(std::span(&variant, 1), {});
  if (!file.ok())
    return statusOf(file.error());
  cache.keep(key, reply.diagnostics, *file);
  return load(*file, request, program);
}
} // namespace

} // namespace gnc::tools

gnc_status *gnc_compile(const gnc_compile_options *options, gnc_diagnostic_sink sink, void *user,
                        gnc_program **program) {
  using namespace gnc::tools;
  try {
    if (!options || !program)
      return wrong("gnc_compile was given NULL", "pass the options and a place for the program");
    *program = nullptr;
    if (options->size < sizeof *options)
      return wrong("gnc_compile_options.size is " + std::to_string(options->size) +
                       ", but the struct has " + std::to_string(sizeof *options) + " bytes",
                   "set size to sizeof(gnc_compile_options)");
    if (gnc_status *status = checkOptions(*options))
      return status;
    return compile(*options, sink, user, program);
  } catch (const std::bad_alloc &) {
    return gnc_status_create(GNC_ENVIRONMENT, "out-of-memory", "there is not enough memory", "", "",
                             0, 0);
  } catch (...) {
    return gnc_status_create(GNC_INTERNAL, "internal", "the compiler or a callback threw something",
                             "", "", 0, 0);
  }
}
