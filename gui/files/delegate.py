"""How a file looks in the list: name, what becomes of it, bar and buttons; painted, so that thousands stay quick."""

from __future__ import annotations

from PyQt6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QPoint, QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFont, QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QPen
from PyQt6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QToolTip

from gui.files.row import Action, Row, State
from gui.theme import theme
from gui.theme.icons import paint as paint_icon

GAP = 8  # logical pixels
BAR = 4
_ICONS = {
    Action.LISTEN: "compare", Action.OPEN: "open", Action.SHOW: "folder", Action.RETRY: "retry", Action.REMOVE: "close",
}  # fmt: skip
_SYMBOLS = {State.DONE: "good", State.SKIPPED: "info", State.FAILED: "bad", State.CANCELLED: "info"}


class RowDelegate(QStyledItemDelegate):
    """acted(Row, Action): one of a row's buttons was pressed."""

    acted = pyqtSignal(object, object)

    def __init__(self, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._view = view
        self._pointed: tuple[QModelIndex, Action | None] = (QModelIndex(), None)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        line = QFontMetrics(self._view.font()).height()
        return QSize(24 * line, 2 * (line + 2) + 3 * GAP)

    # --- places -----------------------------------------------------------------------------------------------------

    def _side(self) -> int:
        """Of a button."""
        return QFontMetrics(self._view.font()).height() + GAP + GAP // 2

    def _buttons(self, box: QRect, row: Row) -> list[tuple[Action, QRect]]:
        """From right to left, the usual first from the left."""
        side, right = self._side(), box.right() - GAP
        places = []
        for action in reversed(row.actions):
            places.append((action, QRect(right - side + 1, box.center().y() - side // 2, side, side)))
            right -= side + 2
        return places

    def action_place(self, index: QModelIndex, action: Action) -> QRect:
        """Where a row's button is, in the view's coordinates; empty if it has none."""
        row = index.data(Qt.ItemDataRole.UserRole)
        return dict(self._buttons(self._view.visualRect(index), row)).get(action, QRect())

    def _action_at(self, box: QRect, row: Row, position: QPoint) -> Action | None:
        return next((action for action, place in self._buttons(box, row) if place.contains(position)), None)

    # --- the mouse --------------------------------------------------------------------------------------------------

    def editorEvent(
        self,
        event: QEvent | None,
        model: QAbstractItemModel | None,
        option: QStyleOptionViewItem,
        index: QModelIndex,
    ) -> bool:
        """A click on a button; clicks elsewhere choose the row."""
        if not isinstance(event, QMouseEvent):
            return False
        row = index.data(Qt.ItemDataRole.UserRole)
        action = self._action_at(option.rect, row, event.position().toPoint())
        if event.type() == QEvent.Type.MouseMove:
            self._point(index, action)
        if action is None:
            return False
        if event.type() == QEvent.Type.MouseButtonRelease and event.button() == Qt.MouseButton.LeftButton:
            self.acted.emit(row, action)
        return True

    def _point(self, index: QModelIndex, action: Action | None) -> None:
        before, self._pointed = self._pointed[0], (index, action)
        for each in (before, index):
            if each.isValid():
                self._view.update(each)

    def helpEvent(
        self,
        event: QHelpEvent | None,
        view: QAbstractItemView | None,
        option: QStyleOptionViewItem,
        index: QModelIndex,
    ) -> bool:
        """What a button does, or all that is known of the file."""
        row = index.data(Qt.ItemDataRole.UserRole)
        if event is not None and row is not None:
            action = self._action_at(option.rect, row, event.pos())
            if action is not None:
                QToolTip.showText(event.globalPos(), row.words_of(action), view)
                return True
        return super().helpEvent(event, view, option, index)

    # --- painting ---------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        assert painter is not None
        row: Row = index.data(Qt.ItemDataRole.UserRole)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._view.font())
        box = option.rect
        self._paint_ground(painter, option, index)
        side = self._side()
        symbol = QRectF(box.left() + 2 * GAP, box.center().y() - side / 2 + 2, side - 4, side - 4)
        paint_icon(painter, "files" if not row.is_video else "video", theme().tokens.text_muted, symbol)
        buttons = self._buttons(box, row)
        for action, place in buttons:
            self._paint_button(painter, action, place, index)
        left = round(symbol.right()) + 2 * GAP
        right = min((place.left() for _, place in buttons), default=box.right()) - GAP
        self._paint_words(painter, row, QRect(left, box.top(), max(right - left, 0), box.height()))
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        colours = theme().tokens
        box = QRectF(option.rect).adjusted(4, 2, -4, -2)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        over = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.setPen(Qt.PenStyle.NoPen)
        if chosen or over:
            painter.setBrush(QColor(colours.accent_soft if chosen else colours.surface_raised))
            painter.drawRoundedRect(box, GAP, GAP)
        if self._view.hasFocus() and index == self._view.currentIndex():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(colours.focus), 2))
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), GAP, GAP)

    def _paint_button(self, painter: QPainter, action: Action, place: QRect, index: QModelIndex) -> None:
        colours = theme().tokens
        under = self._pointed == (index, action)
        if under:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.line))
            painter.drawRoundedRect(QRectF(place), 6, 6)
        inner = QRectF(place).adjusted(5, 5, -5, -5)
        main = action is Action.LISTEN
        colour = colours.accent if main else colours.text if under else colours.text_muted
        paint_icon(painter, _ICONS[action], colour, inner)

    def _paint_words(self, painter: QPainter, row: Row, box: QRect) -> None:
        colours, metrics = theme().tokens, QFontMetrics(self._view.font())
        line, top = metrics.height(), box.top() + GAP + GAP // 2
        working = row.state is State.WORKING  # its bar takes the whole width; else the word stands beside the buttons
        middle = top if working else box.center().y() - line // 2
        status = self._paint_status(painter, row, QRect(box.left(), middle, box.width(), line))
        bold = QFont(self._view.font())
        bold.setWeight(QFont.Weight.DemiBold)
        painter.setFont(bold)
        painter.setPen(QColor(colours.text))
        room = max(box.width() - status - 2 * GAP, 0)
        name = QFontMetrics(bold).elidedText(row.name, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(QRect(box.left(), top, room, line), Qt.AlignmentFlag.AlignLeft, name)
        painter.setFont(self._view.font())
        bad = row.state is State.FAILED
        painter.setPen(QColor(colours.bad if bad else colours.text_muted))
        second = QRect(box.left(), top + line + 3, box.width() if working else room, line)
        if working:
            second.translate(0, 1)
            self._paint_bar(painter, row, QRectF(box.left(), second.bottom() + 3, box.width(), BAR))
            painter.setPen(QColor(colours.text_muted))
        elide = Qt.TextElideMode.ElideRight if bad or not working else Qt.TextElideMode.ElideMiddle
        painter.drawText(second, Qt.AlignmentFlag.AlignLeft, metrics.elidedText(row.detail, elide, second.width()))

    def _paint_status(self, painter: QPainter, row: Row, box: QRect) -> int:
        """At the right of a line; returns the width that it takes."""
        colours, metrics = theme().tokens, QFontMetrics(self._view.font())
        colour = {State.DONE: colours.good, State.FAILED: colours.bad}.get(row.state, colours.text_muted)
        width = metrics.horizontalAdvance(row.status)
        painter.setPen(QColor(colour))
        painter.drawText(box, Qt.AlignmentFlag.AlignRight, row.status)
        if row.state not in _SYMBOLS:
            return width
        side = metrics.ascent()
        place = QRectF(box.right() - width - side - 5, box.center().y() - side / 2 + 1, side, side)
        paint_icon(painter, _SYMBOLS[row.state], colour, place)
        return width + side + 5

    def _paint_bar(self, painter: QPainter, row: Row, box: QRectF) -> None:
        colours = theme().tokens
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.line))
        painter.drawRoundedRect(box, BAR / 2, BAR / 2)
        painter.setBrush(QColor(colours.accent))
        if row.share:
            painter.drawRoundedRect(
                QRectF(box.left(), box.top(), max(box.width() * row.share, BAR), BAR), BAR / 2, BAR / 2
            )
