#include "services/cli/completion.h"

#include <functional>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace amaes {
namespace {

struct Command {
  std::string path;                // "job watch"; "" for the program itself
  std::vector<std::string> words;  // subcommands and long options
};

void Collect(const CLI::App& app, const std::string& path, std::vector<Command>& out) {
  Command command{path, {}};
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App* a) { return !a->get_group().empty(); })) {
    command.words.push_back(sub->get_name());
  }
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    for (const std::string& name : option->get_lnames()) command.words.push_back(absl::StrCat("--", name));
  }
  out.push_back(command);
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App* a) { return !a->get_group().empty(); })) {
    Collect(*sub, path.empty() ? sub->get_name() : absl::StrCat(path, " ", sub->get_name()), out);
  }
}

// The words typed so far, without options, looked up as a command path.
std::string Bash(const std::vector<Command>& commands) {
  std::string cases;
  for (const Command& c : commands) {
    absl::StrAppend(&cases, "    \"", c.path, "\") words=\"", absl::StrJoin(c.words, " "), "\" ;;\n");
  }
  return absl::StrCat(
      "_amaes() {\n"
      "  local path=\"\" word words=\"\"\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    [[ $word == -* ]] && continue\n"
      "    path=\"${path:+$path }$word\"\n"
      "  done\n"
      "  case \"$path\" in\n",
      cases,
      "    *) COMPREPLY=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\")); return ;;\n"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
      "}\n"
      "complete -o default -F _amaes amaes\n");
}

std::string Fish(const std::vector<Command>& commands) {
  std::string script = "complete -c amaes -f\n";
  for (const Command& c : commands) {
    const std::string condition =
        c.path.empty() ? "__fish_use_subcommand"
                       : absl::StrCat("__fish_seen_subcommand_from ", c.path.substr(c.path.rfind(' ') + 1));
    for (const std::string& word : c.words) {
      const bool option = word.rfind("--", 0) == 0;
      absl::StrAppend(&script, "complete -c amaes -n '", condition, "' ", option ? "-l " : "-a ",
                      option ? word.substr(2) : word, "\n");
    }
  }
  return script;
}

}  // namespace

std::string CompletionScript(const CLI::App& app, const std::string& shell) {
  std::vector<Command> commands;
  Collect(app, "", commands);
  if (shell == "fish") return Fish(commands);
  if (shell == "zsh") return absl::StrCat("autoload -U +X bashcompinit && bashcompinit\n", Bash(commands));
  return Bash(commands);
}

}  // namespace amaes
