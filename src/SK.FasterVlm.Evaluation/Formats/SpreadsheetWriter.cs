using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Xml;

namespace SK.FasterVlm.Evaluation.Formats;

/// <summary>One cell of a sheet.</summary>
/// <param name="Text">What it holds.</param>
/// <param name="IsNumber">Whether it is written as a number; only what is one can be.</param>
readonly record struct SpreadsheetCell(string Text, bool IsNumber = false)
{
    public static implicit operator SpreadsheetCell(string text) => new(text);
}

/// <summary>
/// The smallest workbook (Office Open XML) that a spreadsheet program and pandas read: one sheet of numbers and inline strings. MMBench's
/// server takes answers only in this form.
/// </summary>
static class SpreadsheetWriter
{
    const string Main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const string Relations = "http://schemas.openxmlformats.org/package/2006/relationships";
    const string Office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

    internal static void Write(string path, IEnumerable<IReadOnlyList<SpreadsheetCell>> rows)
    {
        using FileStream file = File.Create(path);
        using var archive = new ZipArchive(file, ZipArchiveMode.Create);
        Text(archive, "[Content_Types].xml",
            """<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>""");
        Text(archive, "_rels/.rels", $"""<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="{Relations}"><Relationship Id="r1" Type="{Office}/officeDocument" Target="xl/workbook.xml"/></Relationships>""");
        Text(archive, "xl/workbook.xml", $"""<?xml version="1.0" encoding="UTF-8"?><workbook xmlns="{Main}" xmlns:r="{Office}"><sheets><sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>""");
        Text(archive, "xl/_rels/workbook.xml.rels", $"""<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="{Relations}"><Relationship Id="r1" Type="{Office}/worksheet" Target="sheet1.xml"/></Relationships>""");
        Sheet(archive, rows);
    }

    static void Sheet(ZipArchive archive, IEnumerable<IReadOnlyList<SpreadsheetCell>> rows)
    {
        using Stream stream = Entry(archive, "xl/sheet1.xml").Open();
        using XmlWriter xml = XmlWriter.Create(stream, new XmlWriterSettings { Encoding = new UTF8Encoding(false), CheckCharacters = false });
        xml.WriteStartElement("worksheet", Main);
        xml.WriteStartElement("sheetData");
        foreach (IReadOnlyList<SpreadsheetCell> row in rows)
        {
            xml.WriteStartElement("row");
            foreach (SpreadsheetCell cell in row)
            {
                xml.WriteStartElement("c");
                if (cell.IsNumber && long.TryParse(cell.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _))
                {
                    xml.WriteElementString("v", cell.Text);
                    xml.WriteEndElement();
                    continue;
                }
                xml.WriteAttributeString("t", "inlineStr");
                xml.WriteStartElement("is");
                xml.WriteStartElement("t");
                xml.WriteAttributeString("xml", "space", null, "preserve");
                // Control characters have no form in XML 1.0; a model can produce them.
                xml.WriteString(string.Concat(cell.Text.EnumerateRunes().Where(static r => r.Value is >= 0x20 or 0x9 or 0xA or 0xD)));
                xml.WriteEndElement();
                xml.WriteEndElement();
                xml.WriteEndElement();
            }
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    static void Text(ZipArchive archive, string name, string content)
    {
        using var writer = new StreamWriter(Entry(archive, name).Open(), new UTF8Encoding(false));
        writer.Write(content);
    }

    static ZipArchiveEntry Entry(ZipArchive archive, string name)
    {
        ZipArchiveEntry entry = archive.CreateEntry(name);
        // A fixed time keeps the file the same from run to run.
        entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
        return entry;
    }
}
