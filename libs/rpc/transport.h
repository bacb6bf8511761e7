// Numbers that both ends of a connection have to agree on.
#pragma once

namespace amaes {

inline constexpr int kMaxMessageBytes = 4 << 20;
// Of an idle connection with calls on it. A server permits pings every 10 s; a client sends one every 30 s.
inline constexpr int kKeepaliveMilliseconds = 30'000;
inline constexpr int kKeepaliveTimeoutMilliseconds = 10'000;
inline constexpr int kShortestPingMilliseconds = 10'000;

}  // namespace amaes
