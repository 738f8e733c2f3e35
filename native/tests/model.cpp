#include "retort/model.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include "../src/scoring/exponential32.h"
#include "../src/model/rope.h"
#include "../src/model/rows.h"
#include "../src/model/saved_session.h"
#include "check.h"
#include "model_examples.h"

using namespace retort;
using namespace examples;

TEST("the exponential in float32 has a relative error below 2e-7 and keeps what is not a number") {
  for (float x = -87.0F; x <= 88.0F; x += 0.00713F) {
    const double exact = std::exp(static_cast<double>(x));
    check::near(static_cast<double>(exponential32(x)) / exact, 1.0, 2e-7);
  }
  check::is_true(exponential32(0.0F) == 1.0F, "exp(0)");
  check::is_true(std::isnan(exponential32(std::numeric_limits<float>::quiet_NaN())), "not a number");
  check::is_true(std::isfinite(exponential32(1e30F)) && exponential32(-1e30F) > 0.0F, "the borders");
}

TEST("activations are those of the C library within 4e-7") {
  const auto compare = [](Activation activation, auto exact) {
    for (float x = -12.0F; x <= 12.0F; x += 0.0137F) {
      float value = x;
      activate(activation, {&value, 1});
      check::near(static_cast<double>(value), exact(static_cast<double>(x)), 4e-7 * (1.0 + std::fabs(static_cast<double>(x))));
    }
  };
  compare(Activation::silu, [](double x) { return x / (1.0 + std::exp(-x)); });
  compare(Activation::gelu, [](double x) { return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0))); });
  compare(Activation::gelu_tanh, [](double x) { return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / std::acos(-1.0)) * (x + 0.044715 * x * x * x))); });
  compare(Activation::relu, [](double x) { return x > 0.0 ? x : 0.0; });
}

TEST("a norm over groups gives each its own mean square") {
  const Norm norm{NormKind::rms, 0.0F, {1, 1, 2, 2}, {}};
  std::vector<float> row{3, 3, 5, 5};
  normalize(norm, 2, row);
  check::near(static_cast<double>(row[0]), 1.0, 1e-6);
  check::near(static_cast<double>(row[3]), 2.0, 1e-6);
}

TEST("a rope with three sections takes each frequency's position from its axis") {
  const Rope rope{4, RopeStyle::pairs, {1.0, 0.5}, 1.0, {1, 1}};
  const std::vector<std::int32_t> positions{1, 2, 30, 40, 0, 0};
  RopeRows rows;
  rows.fill(rope, positions, 2, 1, 1);
  std::vector<float> head{1, 0, 1, 0};
  rows.rotate(rope, 0, 4, head);
  check::near(static_cast<double>(head[0]), std::cos(2.0), 1e-6);
  check::near(static_cast<double>(head[3]), std::sin(20.0), 1e-6);
}

TEST("rows are the same bits in parts, on several threads, after going back, in forks and restored") {
  for (const bool recurrent : {false, true}) {
    const auto model = make_model(recurrent);
    const auto ids = make_ids(600);
    Session whole_session = make_session(model, 1);
    const auto whole = evaluate(whole_session, ids, ids.size());
    Session session = make_session(model, 3);
    same_rows(evaluate(session, ids, 1), whole, 0, "one token");
    same_rows(evaluate(session, ids, 290), whole, 1, "over a part's border");
    same_rows(evaluate(session, ids, 300), whole, 290, "ten tokens");
    session.truncate(290);
    same_rows(evaluate(session, ids, 293), whole, 290, "after going back");
    const auto fork = session.fork();
    Session restored = make_session(model, 2);
    restored.restore(session.save());
    same_rows(evaluate(session, ids, 400), whole, 293, "the first");
    same_rows(evaluate(*fork, ids, 600), whole, 293, "the fork");
    same_rows(evaluate(restored, ids, 600), whole, 293, "the restored");
    session.truncate(0);
    same_rows(evaluate(session, ids, 40), whole, 0, "from the start");
  }
}

TEST("a cancelled call leaves the session as it was, whenever it was cancelled") {
  for (const bool recurrent : {false, true}) {
    const auto model = make_model(recurrent);
    const auto ids = make_ids(600);
    Session session = make_session(model, 2);
    evaluate(session, ids, 20);
    Session other = make_session(model, 2);
    other.restore(session.save());
    const auto expected = evaluate(other, ids, 22);
    for (int delay_us = 0; delay_us < 4000; delay_us += 500) {
      std::atomic<bool> cancelled = delay_us == 0;
      std::thread canceller([&] {
        std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
        cancelled = true;
      });
      bool was_cancelled = false;
      try {
        evaluate(session, ids, 600, cancelled);
      } catch (const Failure& failure) {
        was_cancelled = failure.status() == Status::cancelled;
      }
      canceller.join();
      if (!was_cancelled) break;  // done before
      check::is_true(session.length() == 20, "the length");
      Session again = make_session(model, 1);
      again.restore(session.save());
      check::is_true(evaluate(again, ids, 22) == expected, "the contents");
    }
    check::refuses(Status::cancelled, [&] {
      Session fresh = make_session(model, 1);
      evaluate(fresh, ids, 600, std::atomic<bool>(true));
    });
  }
}

TEST("recurrent layers go back no further than to before the last call") {
  Session session = make_session(make_model(true), 1);
  const auto ids = make_ids(30);
  evaluate(session, ids, 10);
  evaluate(session, ids, 20);
  check::refuses(Status::unsupported_feature, [&] { session.truncate(15); });
  session.truncate(10);
  check::refuses(Status::unsupported_feature, [&] { session.truncate(5); });
  check::is_true(session.length() == 10, "the length");
}

TEST("a request that does not fit is refused before anything is computed") {
  Session session = make_session(make_model(false), 1);
  const auto ids = make_ids(1025);
  check::refuses(Status::context_full, [&] { evaluate(session, ids, 1025); });
  const std::vector<std::int32_t> one{1};
  const std::vector<std::int32_t> wrong{-1};
  const std::vector<std::int32_t> zero{0};
  std::vector<float> logits(vocabulary);
  check::refuses(Status::bad_request, [&] { session.evaluate({wrong, {}, one, {}, {}, {}, false}, never); });
  check::refuses(Status::bad_request, [&] { session.evaluate({one, {}, wrong, {}, {}, {}, false}, never); });
  check::refuses(Status::bad_request, [&] { session.evaluate({one, {}, one, one, {}, {}, false}, never); });
  check::refuses(Status::bad_request, [&] { session.evaluate({one, {}, one, {}, one, logits, false}, never); });
  check::refuses(Status::bad_request, [&] { session.evaluate({{}, {}, {}, {}, {}, {}, false}, never); });
  check::refuses(Status::bad_request, [&] { session.evaluate({one, {}, one, {}, zero, std::span(logits).first(1), false}, never); });
  check::is_true(session.length() == 0, "the length");
}

TEST("a saved session cut anywhere is refused and changes nothing") {
  const auto model = make_model(true);
  Session session = make_session(model, 1);
  evaluate(session, make_ids(40), 40);
  const auto saved = session.save();
  Session other = make_session(model, 1);
  for (std::size_t length = 0; length < saved.size(); length += 97) {
    check::refuses(Status::bad_file, [&] { other.restore(std::span(saved).first(length)); });
  }
  SavedSession longer = decode(saved);
  longer.recurrent.push_back(0.0F);
  check::refuses(Status::bad_file, [&] { other.restore(encode(longer)); });
  check::is_true(other.length() == 0, "the length");
}
