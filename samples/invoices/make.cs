#:package SkiaSharp
#:package SkiaSharp.NativeAssets.Linux.NoDependencies
// Draws the invoices of the samples: dotnet run samples/invoices/make.cs -- samples/invoices
using SkiaSharp;

string folder = args.Length > 0 ? args[0] : ".";
using SKTypeface face = SKTypeface.FromFamilyName("DejaVu Sans", SKFontStyle.Bold);
using SKPaint ink = new() { Color = new SKColor(20, 20, 22), IsAntialias = true };
foreach ((string file, string payee, string total) in new[] { ("invoice-1", "CAFE", "12.50"), ("invoice-2", "TAXI", "31.00"), ("invoice-3", "ZOO", "7.95") })
{
    using SKBitmap bitmap = new(336, 336);
    using SKCanvas canvas = new(bitmap);
    canvas.Clear(new SKColor(250, 250, 250));
    using SKFont large = new(face, 96), small = new(face, 26);
    canvas.DrawText(payee, 168, 120, SKTextAlign.Center, large, ink);
    canvas.DrawText($"Invoice {file[^1..]}", 168, 210, SKTextAlign.Center, small, ink);
    canvas.DrawText($"Total {total} EUR", 168, 260, SKTextAlign.Center, small, ink);
    using FileStream output = File.Create(Path.Combine(folder, file + ".png"));
    bitmap.Encode(output, SKEncodedImageFormat.Png, 100);
}
