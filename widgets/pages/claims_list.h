// SPDX-License-Identifier: GPL-3.0-or-later
// What is said beside what was measured here, each with its mark, its reason and a link to the page that shows it; and
// questions with their answers.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <QWidget>

class QGridLayout;

namespace nibblescope {

struct Answer;
struct Claim;

class ClaimsList : public QWidget {
    Q_OBJECT
public:
    explicit ClaimsList(QWidget *parent = nullptr);

    // Titles of the pages are found by their ids: {"memory", "Memory"}.
    void setPageNames(std::vector<std::pair<QString, QString>> names) { m_pages = std::move(names); }
    void setClaims(const std::vector<Claim> &claims, const std::vector<Answer> &answers);

Q_SIGNALS:
    void linkActivated(const QString &link); // "page:memory"

private:
    struct Shown {
        std::vector<std::string> texts;
        bool operator==(const Shown &) const = default;
    };
    void clear();
    void addTitle(const QString &text);
    void addClaim(const Claim &claim);
    void addAnswer(const Answer &answer);
    QWidget *linkTo(const std::string &page);

    QGridLayout *m_grid;
    std::vector<std::pair<QString, QString>> m_pages;
    Shown m_shown; // nothing is built anew for the same words
};

} // namespace nibblescope
