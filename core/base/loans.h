// SPDX-License-Identifier: GPL-3.0-or-later
// Working memory that is kept between uses: to map and unmap it anew each time costs more than the work on it.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

namespace nibblescope {

// Lends values to several threads at once; as many are made as are ever out at the same time. What a value holds is
// whatever its last user left.
template <typename Value>
class Lender {
public:
    class Loan {
    public:
        explicit Loan(Lender &lender) : m_lender(lender), m_value(lender.take()) {}
        ~Loan() { m_lender.give(std::move(m_value)); }
        Loan(const Loan &) = delete;
        Loan &operator=(const Loan &) = delete;
        Value &operator*() const { return *m_value; }
        Value *operator->() const { return m_value.get(); }

    private:
        Lender &m_lender;
        std::unique_ptr<Value> m_value;
    };

private:
    std::unique_ptr<Value> take() {
        const std::lock_guard lock(m_mutex);
        if (m_idle.empty())
            return std::make_unique<Value>();
        std::unique_ptr<Value> value = std::move(m_idle.back());
        m_idle.pop_back();
        return value;
    }
    void give(std::unique_ptr<Value> value) {
        const std::lock_guard lock(m_mutex);
        m_idle.push_back(std::move(value));
    }

    std::mutex m_mutex;
    std::vector<std::unique_ptr<Value>> m_idle;
};

} // namespace nibblescope
