#include "dsl/DataFields.h"

#include "dsl/Walk.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using llvm::StringRef;

const Value *DataFields::find(StringRef field) const {
  for (const auto &[name, value] : fields)
    if (name == field)
      return &value;
  return nullptr;
}

std::vector<StringRef> DataFields::names() const {
  std::vector<StringRef> names;
  for (const auto &[name, value] : fields)
    names.push_back(name);
  return names;
}

//===- what is written ----------------------------------------------------------------------===//

namespace {
/// Which fields there are and which members of the source each is made from.
class FieldScan : public Visitor {
public:
  explicit FieldScan(const ast::Body &body) { scan(body); }

  using Members = llvm::SmallSetVector<StringRef, 4>;
  llvm::MapVector<StringRef, Members> fields;
  llvm::MapVector<StringRef, Span> members; // all, with the first use

private:
  void scan(const ast::Body &body) {
    for (const ast::Stmt *stmt : body.stmts)
      scan(*stmt);
  }
  void scan(const ast::Stmt &stmt) {
    current = {};
    if (const auto *assign = llvm::dyn_cast<ast::AssignStmt>(&stmt))
      return scanAssign(*assign);
    if (const auto *let = llvm::dyn_cast<ast::LetStmt>(&stmt)) {
      walk(*let->value, *this);
      lets[let->name.text].insert_range(current);
    } else if (const auto *when = llvm::dyn_cast<ast::WhenStmt>(&stmt)) {
      scanBoth(when->thenBody, when->elseBody);
    } else if (const auto *branch = llvm::dyn_cast<ast::IfStmt>(&stmt)) {
      scanBoth(branch->thenBody, branch->elseBody);
    } else if (const auto *loop = llvm::dyn_cast<ast::ForStmt>(&stmt)) {
      scan(loop->body);
    }
  }
  void scanBoth(const ast::Body &thenBody, const std::optional<ast::Body> &elseBody) {
    scan(thenBody);
    if (elseBody)
      scan(*elseBody);
  }
  void scanAssign(const ast::AssignStmt &assign) {
    walk(*assign.value, *this);
    for (const ast::Ident &name : assign.names)
      fields[name.text].insert_range(current);
  }
  void visit(const ast::Expr &expr) override {
    if (const auto *name = llvm::dyn_cast<ast::Name>(&expr)) {
      if (auto it = fields.find(name->name); it != fields.end())
        current.insert_range(it->second);
      if (auto it = lets.find(name->name); it != lets.end())
        current.insert_range(it->second);
    }
    const auto *member = llvm::dyn_cast<ast::Member>(&expr);
    const auto *base = member ? llvm::dyn_cast<ast::Name>(member->base) : nullptr;
    if (!base || base->name != "source")
      return;
    members.try_emplace(member->member.text, member->span);
    current.insert(member->member.text);
  }
  using Visitor::visit;

  Members current; // of the statement being scanned
  llvm::MapVector<StringRef, Members> lets;
};

/// Reports what only the host could do, and statements that make no field.
class StatementCheck : public Visitor {
public:
  StatementCheck(Elaborator &elab, const Module &module) : elab(elab), module(module) {}
  LogicalResult check(const ast::Body &body) {
    for (const ast::Stmt *stmt : body.stmts)
      checkStatement(*stmt);
    walk(body, *this);
    if (!transforms.empty())
      reportTransforms();
    return LogicalResult::success(ok && transforms.empty());
  }

private:
  void checkStatement(const ast::Stmt &stmt) {
    using Kind = ast::Stmt::Kind;
    if (stmt.kind == Kind::Assign || stmt.kind == Kind::Let || stmt.kind == Kind::When ||
        stmt.kind == Kind::If || stmt.kind == Kind::For || stmt.kind == Kind::Require)
      return;
    ok = false;
    (void)elab.error("data-statement", stmt.span, "this cannot stand in a data section")
        .help("a data section holds field = .., let, when, augment, if, for and require");
  }
  void visit(const ast::LayerRef &layer) override {
    StringRef name = layer.path.front().text;
    if (layer.path.size() == 1 && isHostTransform(name) && !module.find(name))
      transforms.try_emplace(name, layer.pathSpan);
  }
  using Visitor::visit;
  /// All in one message: a chain of transforms is one wish.
  void reportTransforms() {
    std::string names;
    for (const auto &[name, span] : transforms)
      names += (names.empty() ? "'" : ", '") + name.str() + "'";
    bool one = transforms.size() == 1;
    (void)elab
        .error("transform-not-supported", transforms.front().second,
               "transform" + llvm::Twine(one ? " " : "s ") + names + (one ? " is" : " are") +
                   " not supported yet")
        .note("arithmetic and ops work: source.image / 255 -> normalize(mean = 0.5, std = 0.5)")
        .help(one ? "leave it out" : "leave them out");
  }

  Elaborator &elab;
  const Module &module;
  llvm::MapVector<StringRef, Span> transforms;
  bool ok = true;
};
} // namespace

//===- members ------------------------------------------------------------------------------===//

namespace {
/// Turns the members of a source that a section reads into arguments of the function.
class MemberBinder {
public:
  MemberBinder(Elaborator &elab, ProgramFunction &function, const DataSource &source,
               const FieldScan &scan, const llvm::StringMap<TensorType> &needed)
      : elab(elab), function(function), source(source), scan(scan), needed(needed) {}

  FailureOr<Record> bind();

private:
  FailureOr<TensorType> typeOf(StringRef member, Span use);
  const TensorType *neededType(StringRef member, StringRef &field) const;
  Report unknownMember(StringRef member, Span use);

  Elaborator &elab;
  ProgramFunction &function;
  const DataSource &source;
  const FieldScan &scan;
  const llvm::StringMap<TensorType> &needed;
};
} // namespace

/// What the net declares for the first field that is made from `member`.
const TensorType *MemberBinder::neededType(StringRef member, StringRef &field) const {
  for (const auto &[name, members] : scan.fields)
    if (auto it = needed.find(name); it != needed.end() && members.contains(member)) {
      field = name;
      return &it->second;
    }
  return nullptr;
}

Report MemberBinder::unknownMember(StringRef member, Span use) {
  llvm::SmallVector<StringRef> names;
  for (const SourceMember &known : source.members)
    names.push_back(known.name);
  Report report = elab.error("unknown-member", use,
                             "source " + source.kind + " has no member '" + member + "'");
  report.note("members: " + llvm::join(names, ", ")).didYouMean(member, names);
  return report;
}

FailureOr<TensorType> MemberBinder::typeOf(StringRef member, Span use) {
  auto known = llvm::find_if(source.members, [&](auto &m) { return m.name == member; });
  StringRef field;
  const TensorType *wanted = neededType(member, field);
  if (known == source.members.end()) {
    if (!source.anyMember)
      return unknownMember(member, use);
    if (!wanted)
      return elab.error("member-type", use, "the type of source." + member + " is not known")
          .note("a synthetic source makes image, label, and numbers for the net's inputs")
          .help("name a field that is an input of the net like it");
    return *wanted;
  }
  TensorType type = known->type;
  bool open = known->anyShape || llvm::is_contained(type.shape, 0);
  if (!open)
    return type;
  if (!wanted) // nobody says; for a check any size will do
    wanted = &type;
  if (!known->anyShape && wanted->rank() != type.rank())
    return elab
        .error("member-shape", use,
               "source." + member + " is an image [channels, height, width], but '" + field +
                   "' of the net is " + wanted->str())
        .help("take the image as it is in the net, " + field +
              ": [1, H, W], and go on with flatten there");
  type.shape = wanted->shape;
  for (auto [extent, declared] : llvm::zip(type.shape, known->type.shape)) {
    if (declared != 0 && extent != declared)
      return elab.error("member-shape", use,
                        "source." + member + " has " + llvm::Twine(declared) + " channel" +
                            (declared == 1 ? "" : "s") + ", but '" + field + "' of the net is " +
                            wanted->str());
    if (extent == 0)
      extent = Elaborator::defaultExtent;
  }
  return type;
}

FailureOr<Record> MemberBinder::bind() {
  Record record;
  record.name = "source";
  bool ok = true;
  for (const auto &[member, use] : scan.members) {
    FailureOr<TensorType> type = typeOf(member, use);
    if (failed(type)) {
      ok = false;
      continue;
    }
    type->batched = true;
    mlir::Value argument = function.addInput(member, member, *type, elab.location(use));
    const TrailStep *trail = elab.extendTrail(nullptr, "source." + member.str(), *type);
    record.fields.push_back({member.str(), Value(Tensor(argument, *type, trail))});
  }
  if (!ok)
    return failure();
  return record;
}

//===- fields -------------------------------------------------------------------------------===//

FailureOr<DataFields> DataFields::make(Elaborator &elab, ProgramFunction &function,
                                       const ast::DataDecl &data, const Module &module,
                                       const llvm::StringMap<TensorType> &needed,
                                       StringRef dataOverride) {
  if (data.hasErrors)
    return failure();
  Scope &outer = elab.newScope(elab.rootOf(&module));
  ast::Body body{data.body.span, {}}; // without the source
  for (ast::Stmt *stmt : data.body.stmts) {
    const auto *assign = llvm::dyn_cast<ast::AssignStmt>(stmt);
    if (!assign || assign->names.front().text != "source")
      body.stmts.push_back(stmt);
  }
  FailureOr<DataSource> source = evaluateSource(data, elab, module, outer, dataOverride);
  LogicalResult statements = StatementCheck(elab, module).check(body);
  if (failed(source) || failed(statements))
    return failure();
  FieldScan scan(body);
  FailureOr<Record> members = MemberBinder(elab, function, *source, scan, needed).bind();
  if (failed(members))
    return failure();
  outer.define("source", Value(std::move(*members)), source->span, /*constant=*/true);
  Scope &scope = elab.newScope(outer);
  if (failed(elab.runBody(body, scope)))
    return failure();
  DataFields result;
  result.source = std::move(*source);
  for (const auto &[name, fieldMembers] : scan.fields) {
    const Binding *binding = scope.find(name);
    if (!binding) // assigned inside a `for`, or in a branch not taken
      continue;
    if (!binding->value)
      return failure();
    result.fields.push_back({name, *binding->value});
  }
  return result;
}
