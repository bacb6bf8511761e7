// Which subjects are held out. By subject, never by file.
#pragma once

#include <set>
#include <string>

namespace amaes {

// The k subjects with the smallest keyed hashes: k = 1 % of all, clamped to 5 … 1000 and to a fifth of all; none below five
// subjects. Subjects in `already_held_out` (of an earlier version) stay held out, those in `already_training` stay in
// training; held-out ones are topped up from new subjects only. A `share` above 0 asks for that part of all subjects instead
// of the rule, rounded up: what a labelled dataset needs as a test set.
std::set<std::string> HeldOutSubjects(const std::set<std::string>& subjects,
                                      const std::set<std::string>& already_held_out = {},
                                      const std::set<std::string>& already_training = {}, double share = 0);

}  // namespace amaes
