// Sampling: logits, parameters, history and allowed tokens → probabilities → one drawn token.
// Pure: the result depends on nothing but the arguments and the generator's state. Everything is float64 in ascending id order, and
// only + − × ÷ on doubles decide a draw, so a seed means the same ids on every machine. docs/sampling.md states the law.
// A Sampler belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace retort {

// PCG32, XSH-RR output on 64 bits of state (O'Neill 2014, "PCG: A Family of Simple Fast Space-Efficient Statistically Good
// Algorithms for Random Number Generation"), seeded as its paper's library does.
class Pcg32 {
 public:
  struct State {
    std::uint64_t state;
    // Chooses the sequence; always odd.
    std::uint64_t increment;
  };

  // The sequence every sampler uses; the value of the paper's own demonstration.
  static constexpr std::uint64_t default_sequence = 54;

  explicit Pcg32(std::uint64_t seed, std::uint64_t sequence = default_sequence);

  std::uint32_t next();
  // A double in [0, 1): two outputs, the first the high half, of which the upper 53 bits are used.
  double next_unit();

  State state() const { return state_; }
  // Throws Failure: bad_request when the increment is even.
  void set_state(State state);

 private:
  State state_;
};

struct TokenBias {
  std::int32_t id;
  double bias;
};

// The names, meanings and limits of SamplingParameters in electron/contract/sampling.ts.
struct SamplingParameters {
  double temperature = 0.8;
  std::int32_t top_k = 40;
  double top_p = 0.95;
  double min_p = 0;
  double repetition_penalty = 1;
  double presence_penalty = 0;
  double frequency_penalty = 0;
  std::int32_t penalty_window = 64;
  std::vector<TokenBias> bias;
  std::int32_t top_log_probabilities = 0;
};

// Bit i % 32 of word i / 32 allows id i; absent allows all. Bits past the vocabulary are ignored.
using AllowedTokens = std::optional<std::span<const std::uint32_t>>;

struct SamplingInput {
  // One row (V) of the model's raw logits; −infinity means masked.
  std::span<const float> logits;
  // All ids so far, oldest first.
  std::span<const std::int32_t> history;
  AllowedTokens allowed;
};

struct TokenLogProbability {
  std::int32_t id;
  double log_probability;
};

struct Draw {
  std::int32_t id;
  // Natural log under the softmax of the raw logits.
  double log_probability;
  // Under the filtered distribution the id was drawn from.
  double probability;
  // Likeliest ids of the softmax of the raw logits, likeliest first, lowest id first among equals.
  std::vector<TokenLogProbability> top;
};

// Tokens that can still be drawn, ascending id; weights are probabilities times one common factor.
struct Candidates {
  std::vector<std::int32_t> ids;
  std::vector<double> logits;
  std::vector<double> weights;
};

class Sampler {
 public:
  // Throws Failure: bad_request when a parameter is out of its limits.
  Sampler(SamplingParameters parameters, std::uint64_t seed);

  // Throws Failure: invalid_numbers (a NaN, +infinity or nothing finite among the logits), bad_request (wrong sizes or ids, a mask
  // that allows nothing). After an error the generator is as before.
  Draw sample(const SamplingInput& input);

  // Writes the probability of every id (V) a draw would use now. Throws as sample.
  void probabilities(const SamplingInput& input, std::span<double> out);

  Pcg32& generator() { return generator_; }

 private:
  // Fills candidates_ and returns the sum of their weights. `maximum`: of the raw logits.
  double build_candidates(const SamplingInput& input, double maximum);

  SamplingParameters parameters_;
  Pcg32 generator_;
  // Scratch kept between draws so that a draw allocates nothing of vocabulary size.
  std::vector<double> adjusted_;
  std::vector<std::uint32_t> counts_;
  Candidates candidates_;
};

}  // namespace retort
