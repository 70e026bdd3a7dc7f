// What an editor is told: shapes, documentation, completions, definitions; also about texts that
// are being typed.
#include "Programs.h"

#include "dsl/Service.h"
#include "test/Scale.h"

#include <gtest/gtest.h>

#include <random>

using namespace gnc::dsl;
using namespace gnc::dsl::test;

namespace {

/// A document in which `|` marks the cursor.
struct Typed {
  explicit Typed(std::string marked, Texts others = {}) {
    cursor = marked.find('|');
    if (cursor != std::string::npos)
      marked.erase(cursor, 1);
    others["/t.net"] = text = marked;
    analysis = std::make_unique<Analysis>("/t.net", others);
  }

  std::string hover() const {
    auto found = analysis->hover(cursor);
    return found ? found->text : "";
  }
  /// "file:line:column text", or "".
  std::string definition() const {
    Span span = analysis->definition(cursor);
    if (!span)
      return "";
    Position at = span.position();
    return (span.source->name() + ":" + llvm::Twine(at.line) + ":" + llvm::Twine(at.column) + " " +
            span.text())
        .str();
  }
  const Completion *completion(llvm::StringRef label) {
    offered = analysis->completions(cursor);
    for (const Completion &one : offered)
      if (one.label == label)
        return &one;
    return nullptr;
  }
  /// The text with every shape where it is shown.
  std::string withShapes() const {
    std::string shown = text;
    auto shapes = analysis->shapes();
    for (auto it = shapes.rbegin(); it != shapes.rend(); ++it)
      shown.insert(it->offset, "<" + it->text + ">");
    return shown;
  }

  std::string text;
  size_t cursor;
  std::unique_ptr<Analysis> analysis;
  std::vector<Completion> offered;
};

bool has(llvm::StringRef text, llvm::StringRef part) { return text.contains(part); }

const char *const lenet = R"(net LeNet(image: [1, 28, 28]) -> logits: [10] {
  image
    -> conv(32, 5x5) -> relu -> maxpool(2)    : [32, 12, 12]
    -> flatten as flat
    -> linear(10) * 1 @nodecay
}
)";

const char *const section = R"(net N(image: [1, 28, 28]) -> logits: [10] {
  image -> flatten -> linear(10)
}
data d {
  source = idx("folder")
  image  = source.image / 255
  label  = source.label
}
train N on d {
  loss      = cross_entropy(logits, label)
  optimizer = adam(1e-3)
  epochs    = 1
}
)";

std::string replaced(std::string text, const std::string &what, const std::string &by) {
  size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

} // namespace

//===- shapes -------------------------------------------------------------------------------===//

TEST(Service, ShapesStandBehindStagesThatHaveNone) {
  EXPECT_EQ(Typed(lenet).withShapes(), R"(net LeNet(image: [1, 28, 28]) -> logits: [10] {
  image
    -> conv(32, 5x5)<[32, 24, 24]> -> relu<[32, 24, 24]> -> maxpool(2)    : [32, 12, 12]
    -> flatten<[4608]> as flat
    -> linear(10) * 1<[10]> @nodecay
}
)");
}

TEST(Service, ShapesOfABlockAreThoseOfItsFirstUse) {
  EXPECT_EQ(
      Typed(R"(block twice(k) = conv(k, pad = half) -> (relu -> id) * (1 + 1)
net N(x: [3, 8, 8]) { x -> twice(4) -> twice(5) }
block unused(k) = conv(k) -> relu
)")
          .withShapes(),
      R"(block twice(k) = conv(k, pad = half)<[4, 8, 8]> -> (relu<[4, 8, 8]> -> id<[4, 8, 8]>) * (1 + 1)<[4, 8, 8]>
net N(x: [3, 8, 8]) { x -> twice(4)<[4, 8, 8]> -> twice(5)<[5, 8, 8]> }
block unused(k) = conv(k) -> relu
)");
}

TEST(Service, ShapesEndAtTheFirstMistake) {
  EXPECT_EQ(Typed("net N(x: [4]) { x -> linear(3) -> linear(2, inputs = 9) -> relu }").withShapes(),
            "net N(x: [4]) { x -> linear(3)<[3]> -> linear(2, inputs = 9) -> relu }");
}

/// What is being typed takes away the shapes behind it, no others.
TEST(Service, ShapesStayWhileALineIsTyped) {
  std::string head = "net N(x: [3, 8, 8]) {\n  a = x -> conv(4)<[4, 6, 6]>\n";
  const char *const typed[] = {
      "  a -> relu<[4, 6, 6]> -> \n}\n",
      "  a -> relu<[4, 6, 6]> -> conv(\n    -> relu\n}\n",
      "  a -> relu<[4, 6, 6]> -> (linear(3, \n\n",
      "  layer\n  a -> relu<[4, 6, 6]>\n}\nnet M(y: [5]) { y -> linear(1)<[1]> }\n",
      "  a -> relu<[4, 6, 6]>\n\nnet M(y: [5]) { y -> linear(1)<[1]> }\n",
      "  a -> relu<[4, 6, 6]>\n}\nnet M(y: [5]) { y -> linear(1)<[1]> -> $ }\n",
  };
  for (std::string line : typed) {
    std::string shown = head + line, text;
    for (size_t i = 0; i != shown.size(); ++i)
      if (shown[i] == '<')
        i = shown.find('>', i);
      else
        text += shown[i];
    EXPECT_EQ(Typed(text).withShapes(), shown);
    EXPECT_FALSE(Typed(text).analysis->messages().empty());
  }
}

//===- hover --------------------------------------------------------------------------------===//

TEST(Service, HoverOnALayerShowsShapeArithmeticWeightsAndDocumentation) {
  std::string text = Typed(replaced(lenet, "conv(32", "co|nv(32")).hover();
  EXPECT_TRUE(has(text, "-> [32, 24, 24]    28 ")) << text;
  EXPECT_TRUE(has(text, "- 5 + 1 = 24")) << text;
  EXPECT_TRUE(has(text, "832 parameters")) << text;
  EXPECT_TRUE(has(text, "block conv(x: [C, H, W]; k: int")) << text;
  EXPECT_TRUE(has(text, "`groups = C` filters each channel on its own")) << text;
}

TEST(Service, HoverOnADeclarationOfTheFile) {
  std::string text = Typed("## Doubles.\nop twice(x) = 2 * x\n"
                           "net N(a: [3]) { b = tw|ice(a)\n b -> twice }")
                         .hover();
  EXPECT_EQ(text, "```net\n-> [3]\n```\n\n```net\nop twice(x) = 2 * x\n```\n\nDoubles.");
  EXPECT_EQ(Typed("op twi|ce(x) = 2 * x\n").hover(), "```net\nop twice(x) = 2 * x\n```");
}

TEST(Service, HoverOnNamesAndSettings) {
  std::string net = "block f(x: [C, H, W]; k: int = 4) { y = x -> conv(k)\n y -> relu }\n"
                    "net N(x: [3, 8, 8]) { x -> f(k = 5, k2 = 1) -> f(k = 6) }\n";
  EXPECT_EQ(Typed(replaced(net, "{ y =", "{ |y =")).hover(), "");
  net = replaced(net, ", k2 = 1", "");
  EXPECT_EQ(Typed(replaced(net, "{ y =", "{ |y =")).hover(), "```net\ny : [5, 6, 6]\n```");
  EXPECT_EQ(Typed(replaced(net, "conv(k)", "conv(|k)")).hover(),
            "```net\nk: int = 4\n```\n\n```net\nk : 5\n```");
  EXPECT_EQ(Typed(replaced(net, "f(k", "f(|k")).hover(), "```net\nk: int = 4\n```\n\nof f");
  EXPECT_EQ(Typed(replaced(net, "[C, H", "[|C, H")).hover(), "```net\nC : 3\n```");
  EXPECT_EQ(Typed(replaced(net, "k = 5", "k = |5")).hover(), "```net\nk: int = 4\n```\n\nof f");
  std::string size = Typed("net N(x: [4, 8, 8]) { x -> conv(4, 3|x3, groups = 4) }").hover();
  EXPECT_TRUE(has(size, "size: size = 3x3")) << size;
  EXPECT_EQ(Typed("op g(x; k) = k * x\nnet N(a: [3]) { a + g(|2, k = 3) }").hover(), "");
  EXPECT_EQ(Typed("net N(x: [4, |8, 8]) { x -> conv(4 + 1) }").hover(), "");
  std::string groups = Typed("net N(x: [4, 8, 8]) { x -> conv(4, gro|ups = 4) }").hover();
  EXPECT_TRUE(has(groups, "groups: int = 1")) << groups;
  EXPECT_TRUE(has(groups, "of conv. Without `groups` every output channel sees")) << groups;
}

TEST(Service, HoverInSections) {
  EXPECT_EQ(Typed(replaced(section, "epochs ", "ep|ochs ")).hover(),
            "`epochs`: how often all samples are seen");
  EXPECT_EQ(Typed(replaced(section, "1e-3", "1|e-3")).hover(), "```net\nlr\n```\n\nof adam");
  EXPECT_TRUE(has(Typed(replaced(section, "(logits", "(|logits")).hover(), "logits : [10]"));
  EXPECT_TRUE(has(Typed(replaced(section, "source.image", "source.|image")).hover(),
                  "image : u8[1, 28, 28]"));
  EXPECT_TRUE(has(Typed(replaced(section, "idx(", "i|dx(")).hover(), "has image or label"));
}

TEST(Service, HoverWorksWhereTheTextIsBroken) {
  std::string broken = Typed("net N(x: [3, 8, 8]) {\n  x -> co|nv(4) -> \n  y = (\n").hover();
  EXPECT_TRUE(has(broken, "block conv(x: [C, H, W]")) << broken;
  EXPECT_EQ(Typed("net N(x: [3]) { x -> relu # re|lu\n}").hover(), "");
  EXPECT_EQ(Typed("|").hover(), "");
}

//===- completion ---------------------------------------------------------------------------===//

TEST(Service, CompletionAfterAnArrowOffersLayers) {
  Typed typed("use \"b.net\" as b\n## Twice.\nblock mine(k) = conv(k) -> conv(k)\n"
              "net N(x: [3, 8, 8]) {\n  layer own = conv(2)\n  x -> |\n}\n",
              {{"/b.net", "block cbr(k) = conv(k) -> relu\n"}});
  const Completion *mine = typed.completion("mine");
  ASSERT_TRUE(mine);
  EXPECT_EQ(mine->documentation, "Twice.");
  EXPECT_EQ(mine->detail, "block mine(k) = conv(k) -> conv(k)");
  for (const char *name : {"conv", "relu", "flatten", "own", "b"})
    EXPECT_TRUE(typed.completion(name)) << name;
  for (const char *name : {"x", "adam", "N", "loss", "_private"})
    EXPECT_FALSE(typed.completion(name)) << name;
  EXPECT_TRUE(Typed("net N(x: [3]) { x -> re|lu }").completion("relu"));
}

TEST(Service, CompletionAfterADotOffersMembers) {
  Texts others{{"/b.net", "block cbr(k) = conv(k) -> relu\nblock _hidden(k) = conv(k)\n"}};
  Typed module("use \"b.net\" as b\nnet N(x: [3, 8, 8]) { x -> b.| }\n", others);
  EXPECT_TRUE(module.completion("cbr"));
  EXPECT_FALSE(module.completion("_hidden"));
  EXPECT_FALSE(module.completion("conv"));
  Typed source("data d {\n  source = idx(\"folder\")\n  image = source.|\n}\n");
  EXPECT_TRUE(source.completion("image"));
  EXPECT_TRUE(source.completion("label"));
}

TEST(Service, CompletionInACallOffersSettings) {
  Typed typed("net N(x: [3, 8, 8]) { x -> conv(4, dilate = 1, |) }");
  const Completion *stride = typed.completion("stride");
  ASSERT_TRUE(stride);
  EXPECT_EQ(stride->detail, "stride: size = 1");
  EXPECT_EQ(stride->insert, "stride = ");
  EXPECT_EQ(stride->kind, CompletionKind::Setting);
  ASSERT_TRUE(typed.completion("groups"));
  EXPECT_TRUE(has(typed.completion("groups")->documentation, "filters each channel on its own"));
  EXPECT_FALSE(typed.completion("dilate")) << "it is given";
  Typed act("block f(k, act: layer = relu) = conv(k) -> act\n"
            "net N(x: [3, 8, 8]) { x -> f(2, act = |) }");
  EXPECT_TRUE(act.completion("tanh"));
  EXPECT_FALSE(act.completion("k"));
  EXPECT_FALSE(act.completion("max")) << "it is no layer";
  EXPECT_EQ(
      Typed("block f(k) = conv(k)\nnet N(x: [3, 8, 8]) { x -> f(|) }").completion("k")->detail,
      "k");
}

TEST(Service, CompletionInSections) {
  Typed keys(replaced(section, "  epochs    = 1\n", "  |\n"));
  const Completion *epochs = keys.completion("epochs");
  ASSERT_TRUE(epochs);
  EXPECT_EQ(epochs->detail, "how often all samples are seen");
  EXPECT_FALSE(keys.completion("loss")) << "it is given";
  Typed optimizer(replaced(section, "adam(1e-3)", "|"));
  EXPECT_TRUE(optimizer.completion("adam"));
  EXPECT_FALSE(optimizer.completion("conv"));
  Typed loss(replaced(section, "cross_entropy(logits, label)", "|"));
  for (const char *name : {"logits", "label", "image", "weights", "cross_entropy"})
    EXPECT_TRUE(loss.completion(name)) << name;
  EXPECT_TRUE(Typed(replaced(section, "idx(\"folder\")", "|")).completion("idx"));
  EXPECT_TRUE(Typed(replaced(section, "N on d", "N on |")).completion("d"));
  EXPECT_TRUE(Typed(replaced(section, "N on d", "|")).completion("N"));
  EXPECT_FALSE(Typed(replaced(section, "N on d", "|")).completion("d"));
  EXPECT_TRUE(Typed("block f(x: [C]; k: |").completion("int"));
}

TEST(Service, CompletionOffersNamesInScopeAndKeywords) {
  Typed typed(
      "net N(x: [3]) {\n  y = relu(x)\n  for i in 0 .. 3 { z = y }\n  w = |\n  later = y\n}");
  for (const char *name : {"x", "y", "relu", "max"})
    EXPECT_TRUE(typed.completion(name)) << name;
  for (const char *name : {"later", "w", "i"})
    EXPECT_FALSE(typed.completion(name)) << name;
  EXPECT_FALSE(Typed("net N(x: [3]) { w = relu(|x) }").completion("w"));
  EXPECT_TRUE(Typed("net N(x: [3]) { x }\n|").completion("block"));
  EXPECT_TRUE(Typed("net N(x: [3]) {\n  |\n  x\n}").completion("layer"));
  EXPECT_FALSE(Typed("# |\n").completion("net"));
  EXPECT_FALSE(Typed("use \"|\"\n").completion("net"));
}

//===- definition ---------------------------------------------------------------------------===//

TEST(Service, DefinitionOfLayersNamesAndSettings) {
  std::string net = "block f(x: [C, H, W]; k: int = 4) {\n  x -> conv(k) as y\n  y -> relu\n}\n"
                    "net N(x: [3, 8, 8]) { x -> f(k = 5) }\n";
  EXPECT_EQ(Typed(replaced(net, "-> f(", "-> |f(")).definition(), "/t.net:1:7 f");
  EXPECT_EQ(Typed(replaced(net, "f(k = 5", "f(|k = 5")).definition(), "/t.net:1:23 k");
  EXPECT_EQ(Typed(replaced(net, "y -> relu", "|y -> relu")).definition(), "/t.net:2:19 y");
  EXPECT_EQ(Typed(replaced(net, "conv(k)", "conv(|k)")).definition(), "/t.net:1:23 k");
  std::string conv = Typed(replaced(net, "conv(k)", "|conv(k)")).definition();
  EXPECT_TRUE(has(conv, "std/conv.net:") && has(conv, " conv")) << conv;
}

TEST(Service, DefinitionOfANameIsTheAssignmentThatHolds) {
  std::string net =
      "net N(x: [3]) {\n  y = relu(x)\n  y = tanh(y)\n  y -> id as z -> id\n  z + y\n}\n";
  EXPECT_EQ(Typed(replaced(net, "relu(x", "relu(|x")).definition(), "/t.net:1:7 x");
  EXPECT_EQ(Typed(replaced(net, "tanh(y", "tanh(|y")).definition(), "/t.net:2:3 y");
  EXPECT_EQ(Typed(replaced(net, "y = tanh", "|y = tanh")).definition(), "/t.net:3:3 y");
  EXPECT_EQ(Typed(replaced(net, "y -> id", "|y -> id")).definition(), "/t.net:3:3 y");
  EXPECT_EQ(Typed(replaced(net, "z + y", "|z + y")).definition(), "/t.net:4:14 z");
}

TEST(Service, DefinitionInOtherFilesAndSections) {
  Texts others{{"/b.net", "# blocks\nblock cbr(k) = conv(k) -> relu\n"}};
  std::string net = "use \"b.net\": cbr\nuse \"b.net\" as b\n"
                    "net N(x: [3, 8, 8]) { x -> cbr(2) -> b.cbr(2) }\n";
  for (const char *use : {": cbr", "-> cbr", "b.cbr"}) {
    std::string marked = replaced(net, use, std::string(use).insert(strlen(use) - 1, "|"));
    EXPECT_EQ(Typed(marked, others).definition(), "/b.net:2:7 cbr") << marked;
  }
  EXPECT_EQ(Typed(replaced(net, "b.net", "b.|net"), others).definition(), "/b.net:1:1 ");
  EXPECT_EQ(Typed(replaced(section, "(logits, ", "(|logits, ")).definition(), "/t.net:1:30 logits");
  EXPECT_EQ(Typed(replaced(section, ", label)", ", |label)")).definition(), "/t.net:7:3 label");
  EXPECT_EQ(Typed(replaced(section, "train N", "train |N")).definition(), "/t.net:1:5 N");
}

//===- messages -----------------------------------------------------------------------------===//

TEST(Service, MessagesAboutUsedFilesStandAtTheUse) {
  Texts others{{"/b.net", "use \"c.net\": deep\nblock cbr(k) = conv(k) -> deep\n"},
               {"/c.net", "block deep(k) = conv(k) ->\n"}};
  Typed typed("net N(x: [3]) { x }\nuse \"b.net\": cbr\n", others);
  auto messages = typed.analysis->messages();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_TRUE(messages[0].elsewhere);
  EXPECT_EQ(messages[0].diagnostic->span.source->name(), "/c.net");
  EXPECT_EQ(messages[0].at.text(), "\"b.net\"");
}

TEST(Service, MessagesAreThoseOfTheTextNotOfTheFile) {
  std::string path = testing::TempDir() + "service.net";
  std::ofstream(path) << "net N(x: [3]) { x -> rellu }\n";
  EXPECT_EQ(Analysis(path, {}).messages().size(), 1u);
  EXPECT_TRUE(Analysis(path, {{path, "net N(x: [3]) { x -> relu }\n"}}).messages().empty());
  EXPECT_EQ(Analysis("/missing.net", {}).source(), nullptr);
  EXPECT_FALSE(Analysis("/missing.net", {}).hover(0));
}

//===- anything -----------------------------------------------------------------------------===//

/// Texts cut off, or with a piece missing, asked everything at random places.
TEST(ServiceFuzz, NoTextAndNoPlaceIsTooStrange) {
  std::vector<Program> list = programs();
  for (unsigned i = 0; i != gnc::test::caseCount(40, 1000); ++i) {
    std::mt19937_64 random(gnc::test::caseSeed(i));
    std::string text = list[random() % list.size()].text;
    if (text.size() > 6000)
      text.resize(6000);
    size_t cut = random() % (text.size() + 1);
    if (i % 2)
      text.resize(cut);
    else
      text.erase(cut, random() % 20);
    SCOPED_TRACE(text);
    Analysis analysis("/t.net", {{"/t.net", text}});
    (void)analysis.messages();
    for (const InlayShape &shape : analysis.shapes())
      ASSERT_LE(shape.offset, text.size());
    for (int query = 0; query != 20; ++query) {
      size_t at = query == 0 ? cut : random() % (text.size() + 2);
      (void)analysis.hover(at);
      (void)analysis.definition(at);
      (void)analysis.completions(at);
    }
  }
}
