// Compiles a formula that is known only now: a network from text, with an op of its own.
//
//   jit 'x * sigmoid(1.702 * x)'
//
// Prints the function at a few places. What is wrong with the formula is printed as the compiler
// tells it, with its place.
#include <gnc/compiler.hpp>

#include <chrono>
#include <cstdio>

namespace {
std::string networkOf(const std::string &formula) {
  return "op curve(x) = " + formula +
         "\n"
         "net Curve(x: [9]) -> y: [9] { x -> curve }\n"
         "data points {\n  source = synthetic(1)\n  x = source.x\n}\n"
         "infer Curve on points { value = y }\n";
}

int show(const std::string &formula) {
  auto start = std::chrono::steady_clock::now();
  gnc::Compilation compiled =
      gnc::compile(gnc::Source{"formula", networkOf(formula)}, {.batch = 1});
  for (const gnc::Diagnostic &said : compiled.diagnostics)
    fprintf(stderr, "%s:%d:%d: %s: %s [%s]\n", said.file.c_str(), said.line, said.column,
            said.severity.c_str(), said.message.c_str(), said.slug.c_str());
  if (!compiled)
    return 1;

  gnc::Context context(*compiled.program, {.threads = 1});
  float x[9], y[9];
  for (int i = 0; i < 9; ++i)
    x[i] = float(i - 4);
  context.bindInput("x", x, {1, 9});
  context.bindResult("value", y, {1, 9});
  context.initialize(0); // there is nothing to draw: a formula has no weights
  context.infer(1);
  std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  for (int i = 0; i < 9; ++i)
    printf("%4g %12.6f\n", double(x[i]), double(y[i]));
  fprintf(stderr, "compiled and run in %.0f ms; the second time it comes from the cache\n",
          1000 * time.count());
  return 0;
}
} // namespace

int main(int count, char **arguments) try {
  if (count != 2) {
    fprintf(stderr, "usage: jit 'FORMULA OF x'\n");
    return 2;
  }
  return show(arguments[1]);
} catch (const gnc::Error &error) {
  fputs(error.text.c_str(), stderr);
  return error.code;
}
