#include "dsl/DataFields.h"

#include "dsl/DataMembers.h"
#include "dsl/Walk.h"

#include "llvm/Support/StringSaver.h"

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
  FieldScan(const ast::Body &body, const Module &module, const DataSource &source)
      : module(module), source(source) {
    scan(body);
  }

  FieldUses uses;

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
      uses.fields[name.text].insert_range(current);
  }
  void visit(const ast::Expr &expr) override {
    if (const auto *name = llvm::dyn_cast<ast::Name>(&expr)) {
      if (auto it = uses.fields.find(name->name); it != uses.fields.end())
        current.insert_range(it->second);
      if (auto it = lets.find(name->name); it != lets.end())
        current.insert_range(it->second);
    }
    const auto *member = llvm::dyn_cast<ast::Member>(&expr);
    std::string path = member ? pathBelowSource(*member) : "";
    if (path.empty())
      return;
    auto it = uses.members.find(path);
    StringRef known = it == uses.members.end() ? names.save(path) : it->first;
    uses.members.try_emplace(known, member->span);
    current.insert(known);
  }
  void visit(const ast::LayerRef &layer) override {
    StringRef name = layer.path.front().text;
    uses.hostTransforms |= layer.path.size() == 1 && isHostTransform(name) && !module.find(name);
  }
  /// "image" of `source.image`, of coupled samples "a.image" of `source.a.image`; "" for others.
  std::string pathBelowSource(const ast::Member &member) const {
    StringRef name = member.member.text;
    if (const SourceMember *known = source.find(name))
      name = known->name; // not an alias
    if (isSource(*member.base))
      return source.couples && (name == "a" || name == "b") ? "" : name.str();
    const auto *side = llvm::dyn_cast<ast::Member>(member.base);
    if (!source.couples || !side || !isSource(*side->base))
      return "";
    return (side->member.text + "." + name).str();
  }
  static bool isSource(const ast::Expr &expr) {
    const auto *name = llvm::dyn_cast<ast::Name>(&expr);
    return name && name->name == "source";
  }
  using Visitor::visit;

  const Module &module;
  const DataSource &source;
  llvm::BumpPtrAllocator memory;
  llvm::StringSaver names{memory};
  FieldUses::Members current; // of the statement being scanned
  llvm::MapVector<StringRef, FieldUses::Members> lets;
};

/// Reports statements that make no field.
class StatementCheck {
public:
  explicit StatementCheck(Elaborator &elab) : elab(elab) {}
  LogicalResult check(const ast::Body &body) {
    for (const ast::Stmt *stmt : body.stmts)
      checkStatement(*stmt);
    return LogicalResult::success(ok);
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

  Elaborator &elab;
  bool ok = true;
};
} // namespace

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
  LogicalResult statements = StatementCheck(elab).check(body);
  if (failed(source) || failed(statements))
    return failure();
  FieldScan scan(body, module, *source);
  DataMembers inputs(elab, function, *source, scan.uses, needed);
  FailureOr<Record> members = inputs.bind();
  if (failed(members))
    return failure();
  outer.define("source", Value(std::move(*members)), source->span, /*constant=*/true);
  Scope &scope = elab.newScope(outer);
  elab.mapsTuples = true;
  auto value = elab.runBody(body, scope);
  elab.mapsTuples = false;
  if (failed(value))
    return failure();
  DataFields result;
  result.source = std::move(*source);
  for (const auto &[name, fieldMembers] : scan.uses.fields) {
    const Binding *binding = scope.find(name);
    if (!binding) // assigned inside a `for`, or in a branch not taken
      continue;
    if (binding->status == Binding::Status::OneBranch)
      return elab
          .error("one-branch", binding->span, "field '" + name + "' is made in one branch only")
          .help("make it before, or in both branches; a helper value is written let " + name +
                " = ..");
    if (!binding->value)
      return failure();
    FailureOr<Value> value = settle(elab, *binding->value);
    if (failed(value))
      return failure();
    result.fields.push_back({name, *value});
  }
  return result;
}
