#include "dsl/DataMembers.h"

#include "llvm/ADT/StringExtras.h"

using namespace gnc::dsl;
using llvm::StringRef;

/// Of coupled samples: the part behind "a." or "b.", and which of the two.
static std::pair<StringRef, StringRef> splitSide(const DataSource &source, StringRef member) {
  if (!source.couples || !member.contains('.'))
    return {"", member};
  return member.split('.');
}

//===- types --------------------------------------------------------------------------------===//

/// What the net declares for the first field that is made from `member`.
DataMembers::Wanted DataMembers::wantedFor(StringRef member) const {
  for (const auto &[name, members] : uses.fields)
    if (auto it = needed.find(name); it != needed.end() && members.contains(member))
      return {name, &it->second};
  return {};
}

LogicalResult DataMembers::unknownMember(StringRef member, Span use) {
  llvm::SmallVector<std::string> names;
  for (const SourceMember &known : source.members)
    if (source.couples)
      names.append({"a." + known.name.str(), "b." + known.name.str()});
    else
      names.push_back(known.name.str());
  if (source.couples)
    names.push_back("equal");
  llvm::SmallVector<StringRef> refs(names.begin(), names.end());
  return elab
      .error("unknown-member", use,
             "source " + source.kind + (source.couples ? " -> couples" : "") + " has no member '" +
                 member + "'")
      .note("members: " + llvm::join(names, ", "))
      .didYouMean(member, refs);
}

static TensorType scalarOf(ElementKind element) {
  TensorType type;
  type.batched = true;
  type.element = element;
  return type;
}

FailureOr<TensorType> DataMembers::typeOf(StringRef member, const SourceMember *known, Span use) {
  auto [field, wanted] = wantedFor(member);
  if (source.couples && member == "equal")
    return scalarOf(ElementKind::Bool);
  if (!known && source.anyColumn)
    return scalarOf(ElementKind::F32);
  bool any = known && known->anyShape;
  if (!known || (any && !wanted)) {
    if (!known && !source.anyMember)
      return unknownMember(member, use);
    if (!wanted)
      return elab.error("member-type", use, "the shape of source." + member + " is not known")
          .note("it is what the net declares for the field made from it, but no input of the net "
                "is made from this one")
          .help("name a field that is an input of the net like it, or give it to an input in the "
                "train section: Net(input = field)");
    if (!known)
      return *wanted;
  }
  TensorType type = known->type;
  if (!any && !llvm::is_contained(type.shape, 0))
    return type;
  if (!wanted) // nobody says; for a check any size will do
    wanted = &type;
  if (!any && wanted->rank() != type.rank())
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

/// Height and width that the net declares for some picture of the source: its masks have the same.
llvm::SmallVector<int64_t, 2> DataMembers::wantedSize() const {
  for (const auto &[name, members] : uses.fields)
    if (auto it = needed.find(name); it != needed.end() && it->second.rank() >= 2)
      return llvm::SmallVector<int64_t, 2>(llvm::ArrayRef(it->second.shape).take_back(2));
  return {Elaborator::defaultExtent, Elaborator::defaultExtent};
}

/// The shape that the pictures have when the program gets them.
FailureOr<TensorType> DataMembers::pictureType(const HostField &field) {
  TensorType type = scalarOf(ElementKind::U8);
  type.shape.assign(field.shape.begin(), field.shape.end());
  if (!llvm::is_contained(type.shape, 0))
    return type;
  auto [name, wanted] = wantedFor(field.member);
  if (wanted && !field.mask && wanted->rank() != 3)
    return elab
        .error("member-shape", field.use,
               "source." + field.member + " is a picture [channels, height, width], but '" + name +
                   "' of the net is " + wanted->str())
        .help("take the picture as it is in the net, " + name +
              ": [3, H, W], and go on with flatten there");
  if (!field.mask && type.shape[0] == 0) {
    type.shape[0] = wanted ? wanted->shape[0] : 3;
    if (type.shape[0] != 1 && type.shape[0] != 3)
      return elab
          .error("member-shape", field.use,
                 "source." + field.member + " has 1 channel (gray) or 3 (rgb), but '" + name +
                     "' of the net is " + wanted->str())
          .help("declare " + name + ": [3, H, W]");
  }
  llvm::SmallVector<int64_t, 2> size = wantedSize();
  if (wanted && wanted->rank() == type.rank())
    size.assign(wanted->shape.end() - 2, wanted->shape.end());
  for (auto [extent, open] : llvm::zip(size, llvm::MutableArrayRef(type.shape).take_back(2)))
    if (open == 0)
      open = extent;
  return type;
}

//===- inputs -------------------------------------------------------------------------------===//

/// An input of the function, called as its member; further ones get a number.
Tensor DataMembers::addInput(StringRef member, const TensorType &type, Span at,
                             const TrailStep *trail) {
  std::string name = StringRef(member).split(" -> ").first.str();
  if (unsigned count = ++named[name]; count > 1)
    name += "." + std::to_string(count);
  return Tensor(function.addInput(name, member, type, elab.location(at)), type, trail);
}

FailureOr<Tensor> DataMembers::make(const HostField &field) {
  FailureOr<TensorType> type = pictureType(field);
  if (failed(type))
    return failure();
  std::string text = field.member;
  if (field.files && !field.mask && field.shape[0] == 0) // as many channels as the net wants
    text += type->shape[0] == 1 ? " -> gray" : " -> rgb";
  for (const std::string &transform : field.transforms)
    text += " -> " + transform;
  auto [it, inserted] = made.try_emplace(text);
  if (!inserted)
    return it->second;
  const TrailStep *trail = nullptr;
  TensorType shown = *type;
  for (const auto &[step, shape] : field.trail) // what varies has no shape to show
    if (!llvm::is_contained(shape, 0)) {
      shown.shape.assign(shape.begin(), shape.end());
      trail = elab.extendTrail(trail, step, shown);
    }
  if (!trail)
    trail = elab.extendTrail(nullptr, field.trail.front().first, *type);
  return it->second = addInput(text, *type, field.use, trail);
}

Value DataMembers::hostField(StringRef member, const SourceMember &known, Span use) {
  HostField field;
  field.member = member.str();
  field.shape.assign(known.type.shape.begin(), known.type.shape.end());
  field.files = known.files;
  field.mask = known.mask;
  field.trail.push_back({"source." + member.str(), field.shape});
  field.maker = this;
  field.use = use;
  return Value(std::make_shared<const HostField>(std::move(field)));
}

//===- the record ---------------------------------------------------------------------------===//

FailureOr<Value> DataMembers::valueOf(StringRef member, Span use) {
  auto [side, name] = splitSide(source, member);
  const SourceMember *known = source.find(name);
  if (source.couples && side.empty() && name != "equal")
    return unknownMember(member, use);
  if (known && known->isPicture() && (known->files || uses.hostTransforms))
    return hostField(member, *known, use);
  FailureOr<TensorType> type = typeOf(member, known, use);
  if (failed(type))
    return failure();
  type->batched = true;
  const TrailStep *trail = elab.extendTrail(nullptr, "source." + member.str(), *type);
  return Value(addInput(member, *type, use, trail));
}

FailureOr<Record> DataMembers::bind() {
  Record record, sides[2];
  record.name = "source";
  sides[0].name = "source.a";
  sides[1].name = "source.b";
  bool ok = true;
  for (const auto &[member, use] : uses.members) {
    FailureOr<Value> value = valueOf(member, use);
    ok &= succeeded(value);
    if (failed(value))
      continue;
    auto [side, name] = splitSide(source, member);
    Record &into = side.empty() ? record : sides[side == "b"];
    into.fields.push_back({name.str(), *value});
    if (const SourceMember *known = source.find(name); known && !known->alias.empty())
      into.fields.push_back({known->alias.str(), *value});
  }
  if (!ok)
    return failure();
  if (source.couples) {
    record.fields.push_back({"a", Value(std::move(sides[0]))});
    record.fields.push_back({"b", Value(std::move(sides[1]))});
  }
  return record;
}
