//===- AssembleSite.cpp - what a launch came from, and what it moves
//-----------------------------------------------===//
//
// The front end writes NameLoc(path, CallSiteLoc(place, uses of the block around it)); passes wrap
// it in NameLoc("backward", ..) and the like, and fuse the locations of what they fuse.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/Assemble.h"

#include "ir/Gnc.h"
#include "ir/Layout.h"

#include "mlir/IR/Location.h"

using namespace mlir;

namespace gnc {

namespace {
struct SiteFinder {
  SmallVector<StringRef> names; // outermost first
  FileLineColLoc own, any;      // in the user's file; in whatever file

  bool isLibrary(FileLineColLoc place) { return place.getFilename().strref().starts_with("std/"); }

  void visit(Location location) {
    if (auto name = dyn_cast<NameLoc>(location)) {
      names.push_back(name.getName());
      visit(name.getChildLoc());
    } else if (auto call = dyn_cast<CallSiteLoc>(location)) {
      // From the inside out: the innermost place that the user wrote.
      visit(call.getCallee());
      if (!own)
        visit(call.getCaller());
    } else if (auto fused = dyn_cast<FusedLoc>(location)) {
      for (Location part : fused.getLocations())
        if (!own)
          visit(part);
    } else if (auto place = dyn_cast<FileLineColLoc>(location)) {
      if (!any)
        any = place;
      if (!own && !isLibrary(place))
        own = place;
    }
  }
};
} // namespace

runtime::Site siteOf(Location location) {
  SiteFinder finder;
  finder.visit(location);
  runtime::Site site;
  // The innermost name is the path; what passes put around it says what the launch does for it.
  for (StringRef name : llvm::reverse(finder.names))
    site.name += (site.name.empty() ? "" : ": ") + name.str();
  if (FileLineColLoc place = finder.own ? finder.own : finder.any)
    site.location = {place.getFilename().str(), int(place.getLine()), int(place.getColumn())};
  return site;
}

runtime::Work bytesOf(LaunchOp launch) {
  runtime::Work bytes;
  for (Value argument : launch.getArguments()) {
    auto buffer = argument.getDefiningOp<BufferOp>();
    auto type = cast<RankedTensorType>(buffer.getTensor());
    auto width = std::max(1u, cast<MemRefType>(buffer.getType()).getElementTypeBitWidth() / 8);
    int64_t one = elementsAt(type, 1), more = elementsAt(type, 2) - one;
    bytes.perSample += double(more) * width;
    bytes.fixed += double(one - more) * width;
  }
  return bytes;
}

} // namespace gnc
