using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace SK.FasterVlm.Imaging;

/// <summary>
/// Which views of a picture the tower gets: the whole picture alone, or beside it the tiles of an enlarged one (LLaVA-NeXT).
/// Text form: <c>auto</c>, <c>base</c> or columns by rows, for example <c>2x2</c>.
/// </summary>
public sealed record ImageViews
{
    /// <summary>Most tiles of a picture: each costs one run of the tower and holds its state until the image is disposed.</summary>
    public const int MaxTiles = 64;

    ImageViews(int columns, int rows) => (Columns, Rows) = (columns, rows);

    /// <summary>
    /// As the model was trained (default): tiles after the projector file's resolutions (<c>clip.vision.image_grid_pinpoints</c>), one
    /// view when it has none.
    /// </summary>
    public static ImageViews Auto { get; } = new(-1, -1);

    /// <summary>The whole picture only, in one view: a fifth of the work and of the tokens of 2 x 2 tiles, and less detail.</summary>
    public static ImageViews Base { get; } = new(0, 0);

    /// <summary>
    /// The whole picture and this grid of tiles whatever its shape, as VisPruner and CDPruner evaluate LLaVA-NeXT (2 x 2). Models
    /// whose file has no resolutions were not trained for it.
    /// </summary>
    /// <param name="columns">1 or more.</param>
    /// <param name="rows">1 or more; columns * rows is at most <see cref="MaxTiles"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public static ImageViews Grid(int columns, int rows)
    {
        if (columns < 1 || rows < 1 || columns > MaxTiles || rows > MaxTiles || columns * rows > MaxTiles)
        {
            throw new ArgumentOutOfRangeException(
                nameof(columns), $"{columns}x{rows}", $"A grid of tiles has 1 to {MaxTiles} tiles, for example 2x2.");
        }
        return new ImageViews(columns, rows);
    }

    /// <summary>Whether the projector file decides.</summary>
    public bool IsAuto => Columns < 0;

    /// <summary>Tiles per row; 0 for <see cref="Base"/>.</summary>
    public int Columns { get; }

    /// <summary>Tiles per column; 0 for <see cref="Base"/>.</summary>
    public int Rows { get; }

    /// <summary>Reads the text form.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static ImageViews Parse(string text) => TryParse(text, out ImageViews? views)
        ? views
        : throw new FormatException($"\"{text}\" names no views; write auto, base or a grid of up to {MaxTiles} tiles such as 2x2.");

    /// <summary>As <see cref="Parse"/>, without throwing.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ImageViews? views)
    {
        views = text?.Trim().ToLowerInvariant() switch
        {
            "auto" => Auto,
            "base" => Base,
            { } grid when grid.Split('x') is [var c, var r] && Number(c, out int columns) && Number(r, out int rows)
                && columns * rows <= MaxTiles => new ImageViews(columns, rows),
            _ => null,
        };
        return views is not null;

        static bool Number(string text, out int number) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number is >= 1 and <= MaxTiles;
    }

    /// <summary>The text form.</summary>
    public override string ToString() =>
        IsAuto ? "auto" : Columns == 0 ? "base" : string.Create(CultureInfo.InvariantCulture, $"{Columns}x{Rows}");
}
