#include "dsl/Diagnostic.h"

#include <algorithm>
#include <tuple>
#include <utility>

using namespace gnc::dsl;

// A file of noise must not fill the memory with messages that nobody reads.
static constexpr size_t maxStored = 2000;

Diagnostic &Diagnostic::remark(Remark::Kind kind, Span at, const llvm::Twine &text) {
  remarks.push_back({kind, at, text.str()});
  return *this;
}

Diagnostic &Diagnostics::add(Severity severity, llvm::StringRef slug, Span at,
                             const llvm::Twine &text) {
  ++(severity == Severity::Error ? errors : warnings);
  if (items.size() >= maxStored) {
    overflow.remarks.clear();
    return overflow;
  }
  items.push_back({severity, slug.str(), at, text.str(), {}});
  return items.back();
}

Diagnostic &Diagnostics::error(llvm::StringRef slug, Span at, const llvm::Twine &text) {
  return add(Severity::Error, slug, at, text);
}

Diagnostic &Diagnostics::warning(llvm::StringRef slug, Span at, const llvm::Twine &text) {
  return add(Severity::Warning, slug, at, text);
}

void Diagnostics::clear() {
  items.clear();
  errors = warnings = 0;
}

/// What is printed of it is the same. Remarks of errors count: one mistake in a block used at two
/// shapes is two messages. A warning is about what is written, wherever it is used.
static bool same(const Diagnostic &a, const Diagnostic &b) {
  if (a.span != b.span || a.slug != b.slug || a.text != b.text)
    return false;
  if (a.severity == Severity::Warning)
    return true;
  if (a.remarks.size() != b.remarks.size())
    return false;
  for (size_t i = 0; i != a.remarks.size(); ++i)
    if (a.remarks[i].kind != b.remarks[i].kind || a.remarks[i].text != b.remarks[i].text ||
        a.remarks[i].span != b.remarks[i].span)
      return false;
  return true;
}

std::vector<const Diagnostic *> Diagnostics::sorted() const {
  using Key = std::tuple<int64_t, uint32_t, size_t>;
  std::vector<std::pair<Key, const Diagnostic *>> keyed;
  for (const Diagnostic &item : items) {
    // What has no place (a file that cannot be read) comes first.
    int64_t source = item.span ? int64_t(item.span.source->id()) : -1;
    keyed.push_back({Key(source, item.span.begin, keyed.size()), &item});
  }
  std::sort(keyed.begin(), keyed.end());
  std::vector<const Diagnostic *> list;
  for (const auto &[key, item] : keyed) {
    bool seen = false;
    for (size_t i = list.size(); i-- && !seen && list[i]->span.begin == item->span.begin;)
      seen = same(*list[i], *item);
    if (!seen)
      list.push_back(item);
  }
  return list;
}

void Diagnostics::render(llvm::raw_ostream &os) const {
  unsigned printed = 0;
  for (const Diagnostic *item : sorted()) {
    if (item->severity == Severity::Error && printed++ >= maxErrors)
      continue;
    dsl::render(os, *item);
  }
  if (printed <= maxErrors)
    return;
  // Repeated ones are not counted, unless so many came that not all were kept.
  unsigned hidden = (errors > maxStored ? errors : printed) - maxErrors;
  os << "gnc: " << hidden << (hidden == 1 ? " more error is" : " more errors are")
     << " not shown\n";
}

std::string Diagnostics::str() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  render(os);
  return text;
}

llvm::StringRef gnc::dsl::nearest(llvm::StringRef name,
                                  llvm::ArrayRef<llvm::StringRef> candidates) {
  // A third of the letters may differ; 'rellu' is near 'relu', 'x' is near nothing.
  unsigned best = std::max<size_t>(name.size() / 3, name.size() > 1);
  llvm::StringRef found;
  for (llvm::StringRef candidate : candidates) {
    if (candidate.empty() || candidate == name)
      continue;
    unsigned distance =
        name.lower().compare(candidate.lower()) == 0
            ? 0
            : name.edit_distance(candidate, /*AllowReplacements=*/true, /*MaxEditDistance=*/best);
    // `<` for later ones: the first of equals wins, so the answer does not depend on much.
    if (distance < best + found.empty() && distance <= best) {
      best = distance;
      found = candidate;
    }
  }
  if (!found.empty() || name.size() < 3)
    return found;
  // An abbreviation: 'mom' for 'momentum', 'conv2' for 'conv'. Only if it is the only one.
  for (llvm::StringRef candidate : candidates) {
    if (candidate.size() < 3 || (!candidate.starts_with(name) && !name.starts_with(candidate)))
      continue;
    if (!found.empty() && found != candidate)
      return {};
    found = candidate;
  }
  return found;
}

std::string gnc::dsl::orList(llvm::ArrayRef<llvm::StringRef> words) {
  std::string text;
  for (size_t i = 0; i != words.size(); ++i) {
    if (i)
      text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}
