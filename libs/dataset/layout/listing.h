// The common part of layouts whose scans one file names (nnssl, msd, csv): what was named, what is there, what is left.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/dataset/layout/tree.h"

namespace amaes {

// The list that is meant by `given`: itself, or the one in it when it is a folder. `lists_in` finds the names of a folder's
// lists, `what` says in words what it looks for.
//   - NotFound: nothing there.   - InvalidArgument: a folder with none, or with more than one.
absl::StatusOr<std::filesystem::path> FindList(const std::filesystem::path& given,
                                               std::vector<std::string> (*lists_in)(const std::filesystem::path&),
                                               const std::string& what);

class Listing {
 public:
  // Reads the list. `given` is what the user named: the list itself, or the folder that holds it; of a folder every file
  // is accounted for in the end.   - errors as files::Read and ListTree.
  static absl::StatusOr<Listing> Open(const std::filesystem::path& given, const std::filesystem::path& list);

  const std::string& text() const { return text_; }
  const std::filesystem::path& root() const { return root_; }  // the folder of the list
  std::string name() const { return list_.filename().string(); }

  // Adds a scan whose path is absolute. If there is no such file, or it was added before with the same frame, it is
  // skipped, with `where` ("line 7, column path"). Returns whether it was added; fills file.source from `stated`.
  bool Add(ScanFile& file, const std::string& stated, const std::string& where);
  // Adds a companion, if there is such a file, else it is skipped.
  void AddCompanion(ScanFile& file, const std::string& role, const std::filesystem::path& path,
                    const std::string& stated, const std::string& where);
  // Hands a scan over once its companions are there.
  void Take(ScanFile file) { list_of_scans_.files.push_back(std::move(file)); }
  void Skip(const std::string& source, const std::string& rule) { list_of_scans_.skipped.emplace_back(source, rule); }
  // What is said of the list itself, beside that it is the list.
  void Note(const std::string& note) { notes_.push_back(note); }

  absl::StatusOr<ScanList> Finish(const std::string& layout, const std::string& looked_for);

 private:
  std::filesystem::path list_, root_;
  std::string text_;
  Tree tree_;  // empty if the list itself was given
  ScanList list_of_scans_;
  std::map<std::string, std::string> named_;  // path and frame → where
  std::map<std::string, std::string> used_;   // file of the tree → "" for a scan, else the role of the companion
  std::set<std::string> missing_;
  std::vector<std::string> notes_;
};

}  // namespace amaes
