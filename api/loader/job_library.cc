#include "api/loader/job_library.h"

#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdlib>
#include <exception>
#include <typeinfo>
#include <utility>

#include "weir/environment.h"

namespace weir {

namespace {

using BuildFunction = void (*)(StreamExecutionEnvironment&, const Arguments&);

Error refuse(ErrorCode code, std::string message) { return Error::user(code, std::move(message)); }

std::string last_component(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string readable(const char* mangled) {
  int status = 0;
  char* name = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
  std::string text = status == 0 && name != nullptr ? name : mangled;
  std::free(name);
  return text;
}

/// The loader's words with the mangled name in them made readable: "undefined symbol: _ZN4weir3foo".
std::string loader_sentence(const std::string& shown_name) {
  const char* told = dlerror();
  std::string text = told == nullptr ? "unknown reason" : told;
  const std::string mark = "undefined symbol: ";
  const auto found = text.find(mark);
  if (found != std::string::npos) {
    std::string symbol = text.substr(found + mark.size());
    symbol = symbol.substr(0, symbol.find_first_of(" ,\t\n)"));
    const std::string name = readable(symbol.c_str());
    const bool is_connector = name.find("weir::connectors::") != std::string::npos;
    return shown_name + ": cannot be loaded, a symbol is missing: " + name +
           (is_connector ? "; link weir-connectors (pkg-config --libs weir-connectors)"
                         : "; link the library that has it, or put it beside the job in a bundle");
  }
  const std::string missing = ": cannot open shared object file";
  const auto library = text.find(missing);
  if (library != std::string::npos) {
    return shown_name + ": cannot be loaded, a library that it needs is missing: " + text.substr(0, library) +
           "; put it beside the job in a bundle, or into usrlib";
  }
  return shown_name + ": cannot be loaded: " + text;
}

}  // namespace

std::string describe_current_exception() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  const std::string name = type == nullptr ? "unknown exception" : readable(type->name());
  try {
    throw;
  } catch (const std::exception& exception) {
    return name + ": " + exception.what();
  } catch (const std::string& text) {
    return "std::string: " + text;
  } catch (const char* text) {
    return std::string("const char*: ") + (text == nullptr ? "null" : text);
  } catch (...) {
    return name;
  }
}

Result<JobLibrary> JobLibrary::open(const std::string& path) { return open(path, last_component(path)); }

Result<JobLibrary> JobLibrary::open(const std::string& path, const std::string& shown_name) {
  auto jobs = read_job_notes(path, shown_name);
  if (!jobs.ok()) return std::move(jobs).error();
  // A bare name would be searched for in the loader's path.
  const std::string named = path.find('/') == std::string::npos ? "./" + path : path;
  void* handle = dlopen(named.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return refuse(ErrorCode::invalid_argument, loader_sentence(shown_name));
  return JobLibrary(handle, shown_name, std::move(jobs).value());
}

Result<std::string> JobLibrary::choose(const std::string& entry) const {
  std::string known;
  for (const JobNoteEntry& job : jobs_) {
    if (job.name == entry) return entry;
    known.append(known.empty() ? "" : ", ").append(job.name);
  }
  if (!entry.empty())
    return refuse(ErrorCode::not_found, shown_name_ + ": no job \"" + entry + "\" in it, there is: " + known);
  if (jobs_.size() == 1) return jobs_.front().name;
  return refuse(ErrorCode::invalid_argument,
                shown_name_ + ": holds several jobs, name one of them as entry class (-c): " + known);
}

Result<StreamGraph> JobLibrary::build(const std::string& entry, const Arguments& arguments,
                                      const std::map<std::string, std::string>& configuration) const {
  auto chosen = choose(entry);
  if (!chosen.ok()) return std::move(chosen).error();
  const std::string symbol = "weir_job_" + *chosen;
  auto* build = reinterpret_cast<BuildFunction>(dlsym(handle_, symbol.c_str()));
  if (build == nullptr) {
    return refuse(ErrorCode::invalid_argument, shown_name_ + ": does not export " + symbol +
                                                   ", although its note names the job " + *chosen +
                                                   "; was it stripped, or linked with a version script of its own?");
  }
  StreamExecutionEnvironment environment(configuration);
  try {
    build(environment, arguments);
  } catch (const UsageError& error) {
    return refuse(ErrorCode::invalid_argument, error.what());
  } catch (...) {
    return refuse(ErrorCode::user_code,
                  "the build function of job " + *chosen + " threw " + describe_current_exception());
  }
  StreamGraph graph = environment.take_graph();
  if (graph.job_name.empty()) graph.job_name = *chosen;
  return graph;
}

}  // namespace weir
