// `gnc fmt --shapes`: elaborates a text without its columns of numbers, writes what it found, and
// puts that into the canonical form; again until nothing changes, for that may break lines.
#include "dsl/Facts.h"
#include "dsl/Format.h"
#include "dsl/Frontend.h"
#include "dsl/Parser.h"
#include "dsl/ServiceText.h"
#include "dsl/Value.h"

#include "mlir/IR/MLIRContext.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using namespace gnc::dsl::service;
using llvm::StringRef;

namespace {
/// The place of one column, in tokens: the last stage of a line that begins with an arrow.
struct Column {
  uint32_t stage = 0;  // where its layer begins
  Span written;        // `: [32, 12, 12]`; nowhere if there is none
  uint32_t insert = 0; // behind its layer and count
  bool fixed = false;  // what is written has names in it, or an element type
};

/// Finds the columns of a text.
class ColumnFinder {
public:
  explicit ColumnFinder(const TextView &text) : text(text) {}

  std::vector<Column> run() const {
    std::vector<Column> columns;
    for (size_t i = 0; i != text.file.tokens.size(); ++i)
      if (text.kind(i) == Tok::Arrow && text.file.tokens[i].firstOnLine && !text.isResultArrow(i))
        columns.push_back(column(i));
    // A chain in parentheses begins after the stage that it is, and ends before it.
    llvm::sort(columns, [](auto &a, auto &b) { return a.insert < b.insert; });
    return columns;
  }

private:
  /// Does the chain end, or its next line begin, in front of this token?
  bool stops(size_t token, bool outside) const {
    Tok kind = text.kind(token);
    if (kind == Tok::End || kind == Tok::RBrace || kind == Tok::LBrace)
      return true;
    if (!outside)
      return false;
    bool newLine = text.file.tokens[token].firstOnLine;
    return kind == Tok::RParen || kind == Tok::RBracket || kind == Tok::Comma ||
           kind == Tok::Semicolon || (newLine && (kind == Tok::Arrow || !continuesLine(kind)));
  }

  Column column(size_t arrow) const {
    size_t first = arrow + 1, colon = TextView::none, after = TextView::none, i = first;
    unsigned open = 0;
    for (; !stops(i, open == 0) || i == first; ++i) {
      Tok kind = text.kind(i);
      if (kind == Tok::End)
        break;
      if (open == 0 && kind == Tok::Arrow)
        first = i + 1, colon = after = TextView::none;
      else if (open == 0 && kind == Tok::Colon)
        colon = i;
      else if (open == 0 && (kind == Tok::KwAs || kind == Tok::At) && after == TextView::none)
        after = i;
      open += kind == Tok::LParen || kind == Tok::LBracket;
      open -= (kind == Tok::RParen || kind == Tok::RBracket) && open;
    }
    size_t end = after == TextView::none ? i : after; // behind the column
    Column column;
    column.stage = text.span(first).begin;
    column.insert = text.span((colon == TextView::none ? end : colon) - 1).end;
    if (colon != TextView::none) {
      column.written = text.span(colon).to(text.span(end - 1));
      column.fixed = text.kind(colon + 1) != Tok::LBracket;
      for (size_t k = colon + 2; k + 1 < end; ++k)
        column.fixed |= text.kind(k) != Tok::Integer && text.kind(k) != Tok::Comma;
    }
    return column;
  }

  const TextView &text;
};

/// One text on its way to having columns.
class ShapeWriter {
public:
  ShapeWriter(StringRef name, StringRef text, SourceManager &sources)
      : name(name), source(sources.add(name.str(), text.str())), sources(sources),
        context(mlir::MLIRContext::Threading::DISABLED) {}

  /// The text with its columns; none after errors, which go to `diags`.
  std::optional<std::string> run(Diagnostics &diags);

private:
  std::string withoutColumns(llvm::ArrayRef<Column> columns) const;
  std::string withColumns(llvm::ArrayRef<Column> columns, const Facts &facts) const;
  void varySettings(const Module &main, Facts &facts);
  void copyErrors(const Diagnostics &from, const Source &blanked, Diagnostics &to) const;

  StringRef name;
  const Source &source;
  SourceManager &sources;
  mlir::MLIRContext context;
};
} // namespace

/// Blanks in place of the columns, so that all positions stay.
std::string ShapeWriter::withoutColumns(llvm::ArrayRef<Column> columns) const {
  std::string text = source.text().str();
  for (const Column &column : columns)
    if (column.written && !column.fixed)
      for (uint32_t i = column.written.begin; i != column.written.end; ++i)
        if (text[i] != '\n')
          text[i] = ' ';
  return text;
}

std::string ShapeWriter::withColumns(llvm::ArrayRef<Column> columns, const Facts &facts) const {
  std::string text = source.text().str();
  for (const Column &column : llvm::reverse(columns)) {
    const LayerFact *fact = facts.layerAt(column.stage);
    bool known = fact && fact->stage && fact->isTensor && fact->same && !fact->assumed &&
                 !fact->extents.empty();
    if (!known || column.fixed)
      continue;
    if (column.written)
      text.erase(column.written.begin, column.written.end - column.written.begin);
    text.insert(column.insert, " : " + TensorType::str(fact->extents) + " ");
  }
  return text;
}

/// What changes when a setting does has no one shape: `-> linear(classes)`.
void ShapeWriter::varySettings(const Module &main, Facts &facts) {
  for (const auto *net : main.all<ast::NetDecl>())
    for (const ast::Param &setting : net->params.settings) {
      auto *number = llvm::dyn_cast_or_null<ast::Number>(setting.value);
      std::optional<int64_t> value = number ? number->value.asInt() : std::nullopt;
      if (!value || *value < 1 || *value > 1 << 20)
        continue;
      FrontendOptions options;
      options.netOnly = true;
      options.net = net->name.text.str();
      options.settings = {{setting.name.text.str(), std::to_string(2 * *value)}};
      options.listener = &facts;
      Diagnostics ignored; // not every number makes a net
      elaborateModule(main, options, context, sources, ignored);
    }
}

/// Errors as they would be in the text with its columns.
void ShapeWriter::copyErrors(const Diagnostics &from, const Source &blanked,
                             Diagnostics &to) const {
  auto place = [&](Span span) {
    if (span.source == &blanked)
      span.source = &source;
    return span;
  };
  for (const Diagnostic *one : from.sorted()) {
    if (one->severity != Severity::Error)
      continue;
    Diagnostic &copy = to.error(one->slug, place(one->span), one->text);
    for (const Remark &remark : one->remarks)
      if (remark.kind == Remark::Note)
        copy.note(place(remark.span), remark.text);
      else
        copy.help(place(remark.span), remark.text);
  }
}

std::optional<std::string> ShapeWriter::run(Diagnostics &diags) {
  Diagnostics local;
  auto file = parse(source, diags);
  if (diags.hasErrors())
    return std::nullopt;
  std::vector<Column> columns = ColumnFinder(TextView(*file)).run();
  ModuleLoader loader(sources, local);
  const Module &main = *loader.loadText(name, withoutColumns(columns));
  const Source &blanked = *main.file().source;
  Facts facts(blanked);
  FrontendOptions options;
  options.checkAll = true;
  options.listener = &facts;
  elaborateModule(main, options, context, sources, local);
  if (local.hasErrors()) {
    copyErrors(local, blanked, diags);
    return std::nullopt;
  }
  varySettings(main, facts);
  return withColumns(columns, facts);
}

std::optional<std::string> gnc::dsl::formatWithShapes(StringRef name, StringRef text,
                                                      SourceManager &sources, Diagnostics &diags) {
  constexpr unsigned maxRounds = 10;
  std::string current = text.str();
  for (unsigned round = 0; round != maxRounds; ++round) {
    std::optional<std::string> next = ShapeWriter(name, current, sources).run(diags);
    if (next)
      next = format(name, *next, sources, diags);
    if (!next)
      return std::nullopt;
    if (*next == current) {
      // Columns that were left alone are still to be checked.
      mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
      FrontendOptions options;
      options.checkAll = true;
      Diagnostics found;
      elaborateText(name, current, options, context, sources, found);
      if (!found.hasErrors())
        return current;
      diags = std::move(found);
      return std::nullopt;
    }
    current = std::move(*next);
  }
  diags.error("internal", {}, "the shape columns of " + name + " do not come to rest");
  return std::nullopt;
}
