// The counts of a dataset report.
#include "libs/rpc/convert.h"

namespace amaes {

v1::DatasetReport ToProto(const DatasetReport& report) {
  v1::DatasetReport out;
  out.set_name(report.name);
  out.set_version(report.version);
  out.set_digest(report.digest);
  out.set_contract(report.contract);
  out.set_volumes(report.volumes);
  out.set_subjects(report.subjects);
  out.set_sessions(report.sessions);
  out.set_stored_bytes(report.stored_bytes);
  out.set_companion_bytes(report.companion_bytes);
  out.set_voxels(report.voxels);
  for (const ReportTable& table : report.tables) {
    v1::DatasetReport::Table* added = out.add_tables();
    added->set_title(table.title);
    for (const ReportRow& row : table.rows) {
      v1::DatasetReport::Row* line = added->add_rows();
      line->set_label(row.label);
      line->set_volumes(row.volumes);
      line->set_subjects(row.subjects);
      line->set_bytes(row.bytes);
    }
  }
  for (const ReportHistogram& histogram : report.histograms) {
    v1::DatasetReport::Histogram* added = out.add_histograms();
    added->set_title(histogram.title);
    added->set_unit(histogram.unit);
    added->set_unknown(histogram.unknown);
    for (const ReportBar& bar : histogram.bars) {
      v1::DatasetReport::Bar* one = added->add_bars();
      one->set_label(bar.label);
      one->set_volumes(bar.volumes);
    }
  }
  for (const Exclusion& exclusion : report.exclusions) {
    v1::DatasetReport::Exclusion* added = out.add_exclusions();
    added->set_kind(exclusion.kind);
    added->set_value(exclusion.value);
    added->set_reason(exclusion.reason);
    added->set_time(exclusion.time);
  }
  return out;
}

DatasetReport ToDatasetReport(const v1::DatasetReport& proto) {
  DatasetReport out;
  out.name = proto.name();
  out.version = proto.version();
  out.digest = proto.digest();
  out.contract = proto.contract();
  out.volumes = proto.volumes();
  out.subjects = proto.subjects();
  out.sessions = proto.sessions();
  out.stored_bytes = proto.stored_bytes();
  out.companion_bytes = proto.companion_bytes();
  out.voxels = proto.voxels();
  for (const auto& table : proto.tables()) {
    ReportTable& added = out.tables.emplace_back();
    added.title = table.title();
    for (const auto& row : table.rows()) {
      added.rows.push_back({row.label(), row.volumes(), row.subjects(), row.bytes()});
    }
  }
  for (const auto& histogram : proto.histograms()) {
    ReportHistogram& added = out.histograms.emplace_back();
    added.title = histogram.title();
    added.unit = histogram.unit();
    added.unknown = histogram.unknown();
    for (const auto& bar : histogram.bars()) added.bars.push_back({bar.label(), bar.volumes()});
  }
  for (const auto& e : proto.exclusions()) out.exclusions.push_back({e.kind(), e.value(), e.reason(), e.time()});
  return out;
}

}  // namespace amaes
